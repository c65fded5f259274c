#include "gate/proxy.h"

#include <gtest/gtest.h>

#include "gate/proxy_trouble.h"

namespace quoin::gate {
namespace {

TEST(Proxy, reads_a_url_and_shows_it_without_user_and_password) {
  const auto proxy = parse_proxy_url("http://dom%5Cuser:p%40ss:w%25rd@Proxy.Example.com:3128/");
  ASSERT_TRUE(proxy) << proxy.error();
  EXPECT_EQ(proxy->host, "proxy.example.com");
  EXPECT_EQ(proxy->port, 3128);
  EXPECT_EQ(proxy->user, "dom\\user");
  EXPECT_EQ(proxy->password, "p@ss:w%rd");
  EXPECT_EQ(proxy->url(), "http://proxy.example.com:3128");
}

TEST(Proxy, a_user_and_a_port_may_be_left_out) {
  const auto proxy = parse_proxy_url("http://[2001:db8::1]");
  ASSERT_TRUE(proxy) << proxy.error();
  EXPECT_EQ(proxy->port, 80);
  EXPECT_EQ(proxy->user, "");
  EXPECT_FALSE(proxy->password);
  EXPECT_EQ(proxy->url(), "http://[2001:db8::1]:80");
}

TEST(Proxy, says_of_another_kind_that_it_is_not_spoken) {
  for (const char* url : {"https://proxy:3128", "socks5://proxy:1080", "socks5h://u:pw@proxy", "quic://proxy"}) {
    const auto proxy = parse_proxy_url(url);
    ASSERT_FALSE(proxy) << url;
    EXPECT_EQ(proxy.error(), "names a kind of proxy that is not spoken; only http://HOST:PORT is");
  }
}

TEST(Proxy, refuses_what_cannot_be_and_never_repeats_it) {
  for (const char* url :
       {"proxy:3128", "http://", "http://:3128", "http://hunter2@", "http://x:hunter2@proxy:0",
        "http://x:hunter2@proxy:70000", "http://x:hunter2@proxy/path", "http://x:hunter2%4@proxy",
        "http://x:hunter2%zz@proxy", "http://:hunter2@proxy", "http://x:@proxy", "http://x%3Ay:hunter2@proxy",
        "http://x:hunter2%0A@proxy", "http://x:hunter2#@proxy:99999", "http://x:hunter2@pro xy"}) {
    const auto proxy = parse_proxy_url(url);
    ASSERT_FALSE(proxy) << url;
    EXPECT_EQ(proxy.error().find("hunter2"), std::string::npos) << proxy.error();
  }
}

TEST(Proxy, the_environment_names_one_with_or_without_a_scheme) {
  const auto proxy = proxy_of({.https_proxy_name = "HTTPS_PROXY",
                               .https_proxy = "lab:lab@192.168.77.1:3128",
                               .no_proxy = "localhost, .example.com,10.0.0.0/8,???,"});
  ASSERT_TRUE(proxy && *proxy);
  EXPECT_EQ((*proxy)->url(), "http://192.168.77.1:3128");
  EXPECT_EQ((*proxy)->named_in, "the environment's HTTPS_PROXY");
  EXPECT_TRUE((*proxy)->none_for.has("10.1.2.3"));
  EXPECT_TRUE((*proxy)->none_for.has("relay.example.com"));
  EXPECT_FALSE((*proxy)->none_for.has("example.org"));

  EXPECT_FALSE(proxy_of({}).value().has_value());
  const auto wrong =
      proxy_of({.https_proxy_name = "https_proxy", .https_proxy = "socks5://u:hunter2@x", .no_proxy = ""});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error(),
            "the environment's https_proxy names a kind of proxy that is not spoken; only http://HOST:PORT is; correct "
            "it, unset it, or name the proxy in a table [proxy]");
}

TEST(Proxy, exceptions_are_hosts_domains_and_addresses) {
  ProxyExceptions none_for;
  for (const char* entry : {"Control.Example.com", ".corp.example", "10.0.0.0/8", "2001:db8::/32", "192.0.2.7"}) {
    EXPECT_TRUE(none_for.add(entry)) << entry;
  }
  for (const char* entry : {"", "10.0.0.1/8", "a b", "*.example.com", "x:80", ".", "-"}) {
    EXPECT_FALSE(none_for.add(entry)) << entry;
  }
  for (const char* host : {"control.example.com", "CONTROL.example.com", "a.control.example.com", "x.corp.example",
                           "10.200.0.1", "2001:db8::9", "192.0.2.7"}) {
    EXPECT_TRUE(none_for.has(host)) << host;
  }
  for (const char* host : {"example.com", "xcontrol.example.com", "corp.example", "11.0.0.1", "192.0.2.8",
                           "control.example.com.evil.example"}) {
    EXPECT_FALSE(none_for.has(host)) << host;
  }
  EXPECT_TRUE(none_for.add("*"));
  EXPECT_TRUE(none_for.has("11.0.0.1"));
}

TEST(Proxy, takes_a_bounded_number_of_exceptions) {
  ProxyExceptions none_for;
  for (std::size_t i = 0; i < ProxyExceptions::entries_max; i++) EXPECT_TRUE(none_for.add("h" + std::to_string(i)));
  EXPECT_FALSE(none_for.add("one-more"));
}

TEST(Proxy, authorization_is_that_of_the_rfc) {
  EXPECT_EQ(basic_authorization("Aladdin", "open sesame"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // RFC 7617, section 2
}

TEST(ProxyTrouble, is_said_with_the_proxy_and_without_the_password) {
  const auto proxy = parse_proxy_url("http://lab:hunter2@proxy.example.com:3128");
  ASSERT_TRUE(proxy);
  const auto says = [&](ProxyTrouble trouble) { return sentence_of(trouble, *proxy, "relay.example.com:443"); };
  const std::string who = "the proxy http://proxy.example.com:3128 ";
  EXPECT_EQ(says({ProxyFault::status, 407}), who + "does not take the user and password (status 407)");
  EXPECT_EQ(says({ProxyFault::status, 401}), who + "does not take the user and password (status 401)");
  EXPECT_EQ(says({ProxyFault::status, 403}), who + "does not allow connections to relay.example.com:443 (status 403)");
  EXPECT_EQ(says({ProxyFault::status, 502}), who + "could not connect to relay.example.com:443 (status 502)");
  EXPECT_EQ(says({ProxyFault::status, 302}),
            who + "does not do what it was asked for (status 302): is it an HTTP proxy?");
  EXPECT_EQ(says({ProxyFault::not_a_proxy}), who + "does not answer in HTTP");
  EXPECT_EQ(says({ProxyFault::refused}), who + "refused the connection");
  EXPECT_EQ(says({ProxyFault::not_resolved}), who + "has a name without an address");
  EXPECT_EQ(says({ProxyFault::unanswered}),
            who + "has a name that no name server has an answer for; check the name servers in /etc/resolv.conf");
  ProxyConfig nobody = *proxy;
  nobody.user.clear();
  EXPECT_EQ(sentence_of({ProxyFault::status, 407}, nobody, "x:1"), who + "asks for a user and a password (status 407)");
}

TEST(ProxyTrouble, waiting_helps_only_where_the_proxy_may_change_its_mind) {
  EXPECT_TRUE(is_final({ProxyFault::status, 407}));
  EXPECT_TRUE(is_final({ProxyFault::not_a_proxy}));
  EXPECT_FALSE(is_final({ProxyFault::status, 503}));
  EXPECT_FALSE(is_final({ProxyFault::refused}));
  EXPECT_FALSE(is_final({ProxyFault::timed_out}));
}

}  // namespace
}  // namespace quoin::gate
