#include <array>
#include <functional>
#include <optional>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/run_until.h"
#include "io/tls.h"
#include "io/tls_test_peer.h"

namespace quoin::io {
namespace {

using testing_tls::Identity;
using testing_tls::Server;
using testing_tls::Validity;

constexpr const char* host = "relay.example.com";

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    near_end = Descriptor(ends[0]);
    far_end = Descriptor(ends[1]);
    EXPECT_EQ(fcntl(near_end.number(), F_SETFL, O_NONBLOCK), 0);  // the server's end blocks, on its own thread
  }

  static TlsRoots roots_of(const Identity& authority) {
    auto parsed = TlsRoots::parse(authority.pem());
    EXPECT_TRUE(parsed);
    return std::move(*parsed);
  }
  // What the handshake with a server of that identity comes to.
  Result<void, TlsFailure> shake(const TlsRoots& roots, const std::string& name,
                                 const std::vector<std::string>& protocols = {}) {
    auto created = TlsClient::create(loop, std::move(near_end), roots, name, protocols);
    if (!created) return std::unexpected(created.error());
    client = std::move(*created);
    std::optional<Result<void, TlsFailure>> outcome;
    client->handshake([&](Result<void, TlsFailure> result) { outcome = std::move(result); });
    EXPECT_TRUE(run_until(loop, [&] { return outcome.has_value(); }));
    if (!*outcome) client.reset();  // so that the server's thread ends as well
    return *outcome;
  }
  TlsFailure refused(const TlsRoots& roots, const std::string& name) {
    const auto outcome = shake(roots, name);
    EXPECT_FALSE(outcome);
    return outcome ? TlsFailure{} : outcome.error();
  }
  void write_all(Bytes bytes) {
    while (!bytes.empty()) {
      const auto put = client->write_some(bytes);
      if (put) {
        bytes = bytes.subspan(*put);
        continue;
      }
      ASSERT_EQ(put.error(), StreamStop::would_block);
      bool ready = false;
      client->wait_writable([&] { ready = true; });
      ASSERT_TRUE(run_until(loop, [&] { return ready; }));
    }
  }
  StreamStop read_all(std::string& text) {
    Buffer space(100'000);
    for (;;) {
      const auto got = client->read_some(space);
      if (got) {
        text += text_of(Bytes(space).first(*got));
        continue;
      }
      if (got.error() != StreamStop::would_block) return got.error();
      bool ready = false;
      client->wait_readable([&] { ready = true; });
      if (!run_until(loop, [&] { return ready; })) return StreamStop::failed;
    }
  }
  // Waits before each read, which takes at most so many bytes.
  std::string read_by_waiting(std::size_t wanted, std::size_t at_once) {
    Buffer space(at_once);
    std::string got;
    while (got.size() < wanted) {
      bool ready = false;
      client->wait_readable([&] { ready = true; });
      if (!run_until(loop, [&] { return ready; })) return got + " and then nothing";
      if (const auto moved = client->read_some(space)) got += text_of(Bytes(space).first(*moved));
    }
    return got;
  }

  Loop loop;
  Descriptor near_end, far_end;
  Identity authority{{.subject = "Lab Root"}};
  Identity server_identity{{.subject = "relay",
                            .alternative_names = "DNS:relay.example.com,IP:192.0.2.7,IP:2001:db8::7",
                            .issuer = &authority}};
  std::unique_ptr<TlsClient> client;
};

TEST_F(TlsTest, carries_bytes_both_ways_and_ends_with_a_goodbye) {
  const std::string down(300'000, 'd');
  std::string heard;
  Server server(std::move(far_end), {.identity = &server_identity}, [&](SSL* connection) {
    heard = testing_tls::read_until(connection, '\n');
    testing_tls::write(connection, down);
    SSL_shutdown(connection);
  });
  ASSERT_TRUE(shake(roots_of(authority), host));
  write_all(bytes_of(std::string(300'000, 'u') + "\n"));
  std::string got;
  EXPECT_EQ(read_all(got), StreamStop::finished);
  EXPECT_EQ(got, down);
  EXPECT_EQ(heard.size(), 300'001U);
}

TEST_F(TlsTest, takes_a_certificate_for_an_address) {
  Server server(std::move(far_end), {.identity = &server_identity}, [](SSL*) {});
  EXPECT_TRUE(shake(roots_of(authority), "192.0.2.7"));
  client.reset();
}

TEST_F(TlsTest, takes_a_certificate_for_an_ipv6_address) {
  Server server(std::move(far_end), {.identity = &server_identity}, [](SSL*) {});
  EXPECT_TRUE(shake(roots_of(authority), "2001:db8::7"));
  client.reset();
}

TEST_F(TlsTest, refuses_a_certificate_of_an_authority_it_does_not_trust) {
  const Identity other({.subject = "Other Root"});
  Server server(std::move(far_end), {.identity = &server_identity}, [](SSL*) {});
  const TlsFailure failure = refused(roots_of(other), host);
  EXPECT_EQ(failure.error, TlsError::untrusted);
  EXPECT_EQ(failure.text,
            "relay.example.com: its certificate (CN=relay, issued by CN=Lab Root) does not lead to a root that is "
            "trusted here");
}

TEST_F(TlsTest, refuses_an_authority_of_the_same_name_with_another_key) {
  const Identity twin({.subject = "Lab Root"});
  Server server(std::move(far_end), {.identity = &server_identity}, [](SSL*) {});
  EXPECT_EQ(refused(roots_of(twin), host).error, TlsError::untrusted);
}

TEST_F(TlsTest, refuses_a_certificate_for_another_name) {
  Server server(std::move(far_end), {.identity = &server_identity}, [](SSL*) {});
  const TlsFailure failure = refused(roots_of(authority), "control.example.com");
  EXPECT_EQ(failure.error, TlsError::wrong_name);
  EXPECT_EQ(failure.text, "control.example.com: its certificate (CN=relay, issued by CN=Lab Root) is for another name");
}

TEST_F(TlsTest, refuses_a_certificate_for_another_address) {
  Server server(std::move(far_end), {.identity = &server_identity}, [](SSL*) {});
  EXPECT_EQ(refused(roots_of(authority), "192.0.2.8").error, TlsError::wrong_name);
}

TEST_F(TlsTest, takes_no_name_from_the_subject) {
  const Identity old_style({.subject = host, .alternative_names = "DNS:else.example.com", .issuer = &authority});
  Server server(std::move(far_end), {.identity = &old_style}, [](SSL*) {});
  EXPECT_EQ(refused(roots_of(authority), host).error, TlsError::wrong_name);
}

TEST_F(TlsTest, refuses_an_expired_certificate) {
  const Identity expired({.subject = "relay",
                          .alternative_names = "DNS:relay.example.com",
                          .validity = Validity::past,
                          .issuer = &authority});
  Server server(std::move(far_end), {.identity = &expired}, [](SSL*) {});
  const TlsFailure failure = refused(roots_of(authority), host);
  EXPECT_EQ(failure.error, TlsError::not_in_force);
  EXPECT_NE(failure.text.find("has expired, or this host's clock is wrong: it says that today is 20"),
            std::string::npos);
}

TEST_F(TlsTest, refuses_a_certificate_that_is_not_valid_yet) {
  const Identity early({.subject = "relay",
                        .alternative_names = "DNS:relay.example.com",
                        .validity = Validity::future,
                        .issuer = &authority});
  Server server(std::move(far_end), {.identity = &early}, [](SSL*) {});
  EXPECT_EQ(refused(roots_of(authority), host).error, TlsError::not_in_force);
}

TEST_F(TlsTest, refuses_versions_before_1_2) {
  Server server(std::move(far_end), {.identity = &server_identity, .version_max = TLS1_1_VERSION}, [](SSL*) {});
  EXPECT_EQ(refused(roots_of(authority), host).error, TlsError::refused);
}

TEST_F(TlsTest, speaks_1_2) {
  Server server(std::move(far_end), {.identity = &server_identity, .version_max = TLS1_2_VERSION},
                [](SSL* connection) { testing_tls::write(connection, "hello"); });
  ASSERT_TRUE(shake(roots_of(authority), host));
  std::string got;
  EXPECT_EQ(read_all(got), StreamStop::reset);  // it went without a goodbye
  EXPECT_EQ(got, "hello");
  EXPECT_EQ(client->failure(), "relay.example.com: the connection ended without a TLS goodbye");
}

TEST_F(TlsTest, offers_the_protocols_it_was_given) {
  Server server(std::move(far_end), {.identity = &server_identity, .protocol = "http/1.1"}, [](SSL*) {});
  EXPECT_TRUE(shake(roots_of(authority), host, {"http/1.1"}));
  client.reset();
}

TEST_F(TlsTest, says_that_the_other_side_does_not_speak_tls) {
  const std::string page = "HTTP/1.1 400 Bad Request\r\n\r\n";
  ASSERT_EQ(::write(far_end.number(), page.data(), page.size()), static_cast<ssize_t>(page.size()));
  EXPECT_EQ(refused(roots_of(authority), host).error, TlsError::not_tls);
}

TEST_F(TlsTest, says_that_the_other_side_closed) {
  far_end.close();
  EXPECT_EQ(refused(roots_of(authority), host).error, TlsError::closed);
}

TEST_F(TlsTest, asks_for_no_name_that_openssl_would_take_for_any) {
  const TlsRoots roots = roots_of(authority);
  for (const std::string& name : {std::string(), std::string(".example.com"), std::string("relay.example.com\0x", 19),
                                  std::string("*"), std::string(300, 'a')}) {
    const auto created = TlsClient::create(loop, Descriptor(dup(near_end.number())), roots, name);
    ASSERT_FALSE(created) << name;
    EXPECT_EQ(created.error().error, TlsError::wrong_name);
  }
}

TEST_F(TlsTest, may_be_destroyed_by_its_own_callback) {
  Server server(std::move(far_end), {.identity = &server_identity},
                [](SSL* connection) { testing_tls::write(connection, "x"); });
  ASSERT_TRUE(shake(roots_of(authority), host));
  bool called = false;
  client->wait_readable([&] {
    client.reset();
    called = true;
  });
  ASSERT_TRUE(run_until(loop, [&] { return called; }));
}

TEST_F(TlsTest, answers_a_wait_for_bytes_that_are_decrypted_already) {
  Server server(std::move(far_end), {.identity = &server_identity}, [](SSL* connection) {
    testing_tls::write(connection, "abcdef");
    testing_tls::read_until(connection, '\n');
  });
  ASSERT_TRUE(shake(roots_of(authority), host));
  EXPECT_EQ(read_by_waiting(6, 2), "abcdef");
  client.reset();
}

TEST_F(TlsTest, answers_a_wait_for_a_record_that_was_read_ahead_with_another) {
  bool written = false;
  Server server(std::move(far_end), {.identity = &server_identity}, [&](SSL* connection) {
    testing_tls::write(connection, "abc");
    testing_tls::write(connection, "def");
    loop.post([&] { written = true; });
    testing_tls::read_until(connection, '\n');
  });
  ASSERT_TRUE(shake(roots_of(authority), host));
  ASSERT_TRUE(run_until(loop, [&] { return written; }));
  EXPECT_EQ(read_by_waiting(6, 100), "abcdef");
  client.reset();
}

TEST_F(TlsTest, waits_quietly_for_the_rest_of_a_record) {
  bool half_written = false;
  Server server(std::move(far_end), {.identity = &server_identity}, [&](SSL* connection) {
    int aside[2];
    ASSERT_EQ(pipe2(aside, O_CLOEXEC), 0);
    const Descriptor from(aside[0]), to(aside[1]);
    const int socket = SSL_get_wfd(connection);
    SSL_set_wfd(connection, to.number());
    testing_tls::write(connection, "abcdef");
    std::array<char, 200> record;
    const ssize_t whole = read(from.number(), record.data(), record.size());
    ASSERT_GT(whole, 10);
    ASSERT_EQ(write(socket, record.data(), 10), 10);
    loop.post([&] { half_written = true; });
    testing_tls::read_until(connection, '\n');
    ASSERT_EQ(write(socket, record.data() + 10, static_cast<std::size_t>(whole) - 10), whole - 10);
    testing_tls::read_until(connection, '\n');
  });
  ASSERT_TRUE(shake(roots_of(authority), host));
  ASSERT_TRUE(run_until(loop, [&] { return half_written; }));
  Buffer space(100);
  std::string got;
  int calls = 0;
  std::function<void()> read_on = [&] {
    calls++;
    if (const auto moved = client->read_some(space)) got += text_of(Bytes(space).first(*moved));
    client->wait_readable(read_on);
  };
  read_on();
  for (int turn = 0; turn < 20; turn++) {
    bool turned = false;
    loop.post([&] { turned = true; });
    ASSERT_TRUE(run_until(loop, [&] { return turned; }));
  }
  EXPECT_LE(calls, 3);  // the first, and one for what the event loop still knew from before it
  EXPECT_EQ(got, "");
  write_all(bytes_of("\n"));
  ASSERT_TRUE(run_until(loop, [&] { return !got.empty(); }));
  EXPECT_EQ(got, "abcdef");
  client.reset();
}

TEST(TlsRoots, says_what_is_wrong_with_a_file) {
  const Identity authority({.subject = "Lab Root"});
  Buffer damaged = authority.pem();
  damaged[60] = std::byte{'!'};
  EXPECT_EQ(TlsRoots::parse({}).error().text, "the file of root certificates holds no certificate (PEM)");
  EXPECT_EQ(TlsRoots::parse(bytes_of("not PEM at all")).error().error, TlsError::bad_roots);
  EXPECT_EQ(TlsRoots::parse(damaged).error().text, "the file of root certificates has a damaged certificate");
  Buffer two = authority.pem();
  append(two, Identity({.subject = "Second"}).pem());
  const auto parsed = TlsRoots::parse(two);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->count(), 2U);
}

}  // namespace
}  // namespace quoin::io
