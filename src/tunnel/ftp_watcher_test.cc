#include "tunnel/ftp_watcher.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace quoin::tunnel {
namespace {

const IpAddress overlay = *IpAddress::parse("100.64.0.12");

struct Heard {
  std::string text;
  std::vector<std::uint16_t> ports;
};

// The next line that looks like an answer to PASV or EPSV, behind `from`.
std::size_t next_answer(std::string_view said, std::size_t from) {
  for (std::size_t at = from; (at = said.find("\n22", at)) != std::string_view::npos; at++) {
    if (said.substr(at + 3).starts_with('7') || said.substr(at + 3).starts_with('9')) return at + 1;
  }
  return said.size();
}

// What the engineer gets when the device says this in pieces of so many bytes, and he asks for each 227 and 229.
Heard hear(std::string_view said, std::size_t piece, std::optional<IpAddress> address = overlay) {
  FtpWatcher watcher(address);
  Heard heard;
  for (std::size_t at = 0; at < said.size();) {
    if (at == 0 || said[at - 1] == '\n') {
      if (said.substr(at).starts_with("227")) watcher.sent(bytes_of("PASV\r\n"));
      if (said.substr(at).starts_with("229")) watcher.sent(bytes_of("EPSV\r\n"));
    }
    const std::size_t length = std::min(piece, next_answer(said, at) - at);
    const auto passed = watcher.handle(bytes_of(said.substr(at, length)));
    heard.text += text_of(passed.bytes);
    heard.ports.insert(heard.ports.end(), passed.ports.begin(), passed.ports.end());
    at += length;
  }
  heard.text += text_of(watcher.finish());
  return heard;
}

using Ports = std::vector<std::uint16_t>;

// The ports that this answer announces behind those commands.
Ports announced(std::string_view commands, std::string_view answer) {
  FtpWatcher watcher(overlay);
  watcher.sent(bytes_of(commands));
  return watcher.handle(bytes_of(answer)).ports;
}

void expect_heard(std::string_view said, std::string_view text, const std::vector<std::uint16_t>& ports) {
  for (std::size_t piece = 1; piece <= said.size(); piece++) {
    const Heard heard = hear(said, piece);
    ASSERT_EQ(heard.text, text) << "in pieces of " << piece;
    ASSERT_EQ(heard.ports, ports) << "in pieces of " << piece;
  }
}
void expect_untouched(std::string_view said, const std::vector<std::uint16_t>& ports = {}) {
  expect_heard(said, said, ports);
}

TEST(FtpWatcher, reads_extended_passive_replies_and_leaves_them_as_they_are) {
  expect_untouched("220 LAB\r\n229 Entering Extended Passive Mode (|||50003|)\r\n226 Done.\r\n", {50'003});
  expect_untouched("229 other bars (!!!1024!)\n", {1024});
  expect_untouched("229 one (|||40000|) two (|||40001|)\r\n", {40'000});
}

TEST(FtpWatcher, puts_the_overlay_address_into_passive_replies) {
  expect_heard("227 Entering Passive Mode (192,168,77,22,195,83).\r\n",
               "227 Entering Passive Mode (100,64,0,12,195,83).\r\n", {195 * 256 + 83});
  expect_heard("227 =10,0,0,1,4,0\r\n", "227 =100,64,0,12,4,0\r\n", {1024});
  expect_heard("227 0,0,0,0,255,255\n", "227 100,64,0,12,255,255\n", {65'535});
}

TEST(FtpWatcher, a_device_that_names_another_host_names_the_overlay_address_all_the_same) {
  expect_heard("227 (203,0,113,9,0,25)\r\n", "227 (100,64,0,12,0,25)\r\n", {25});
}

TEST(FtpWatcher, several_replies_in_a_row_are_each_read) {
  expect_heard("229 a (|||2000|)\r\n227 b (1,2,3,4,8,0)\r\n229 c (|||2001|)\r\n",
               "229 a (|||2000|)\r\n227 b (100,64,0,12,8,0)\r\n229 c (|||2001|)\r\n", {2000, 2048, 2001});
}

TEST(FtpWatcher, lines_inside_a_reply_of_several_are_text) {
  expect_untouched("230-Welcome\r\n227 x (1,2,3,4,8,0)\r\n229 x (|||2000|)\r\n230 in\r\n229 y (|||2001|)\r\n", {2001});
  expect_heard("227-Entering\r\n 227 x (1,2,3,4,8,0)\r\n227 y (1,2,3,4,8,1)\r\n",
               "227-Entering\r\n 227 x (1,2,3,4,8,0)\r\n227 y (100,64,0,12,8,1)\r\n", {2049});
}

TEST(FtpWatcher, what_is_nearly_a_reply_passes_as_it_is) {
  for (const std::string_view line : {"227 \r\n",
                                      "227\r\n",
                                      "2\r\n",
                                      "22",
                                      "227 (1,2,3,4,5",
                                      "227 (1,2,3,4,5)\r\n",
                                      "227 (256,2,3,4,5,6)\r\n",
                                      "227 (1,2,3,4,999,6)\r\n",
                                      "227 (1,2,3,4,0,0)\r\n",
                                      "227 (1, 2, 3, 4, 5, 6)\r\n",
                                      "2270 (1,2,3,4,5,6)\r\n",
                                      " 227 (1,2,3,4,5,6)\r\n",
                                      "227\t(1,2,3,4,5,6)\r\n",
                                      "229 (|||0|)\r\n",
                                      "229 (|||65536|)\r\n",
                                      "229 (|||1|\r\n",
                                      "229 (|||)\r\n",
                                      "229 (||1|)\r\n",
                                      "229 (|||-1|)\r\n",
                                      "229 (|||99999999999999999999|)\r\n",
                                      "229 (\r\n",
                                      "229 (",
                                      "229 (1114441)\r\n",
                                      "228 Entering Long Passive Mode (4,4,1,2,3,4,2,8,0)\r\n",
                                      "\r\n\r\n",
                                      "\n",
                                      ""}) {
    expect_untouched(line);
  }
}

TEST(FtpWatcher, without_an_overlay_address_a_passive_reply_stays) {
  const Heard heard = hear("227 (1,2,3,4,8,0)\r\n", 1, std::nullopt);
  EXPECT_EQ(heard.text, "227 (1,2,3,4,8,0)\r\n");
  EXPECT_EQ(heard.ports, std::vector<std::uint16_t>{2048});
}

TEST(FtpWatcher, an_ordinary_line_is_not_held_back) {
  FtpWatcher watcher(overlay);
  EXPECT_EQ(text_of(watcher.handle(bytes_of("Password: ")).bytes), "Password: ");
  EXPECT_EQ(text_of(watcher.handle(bytes_of("\r\n229 half")).bytes), "\r\n229 half");
  EXPECT_EQ(text_of(watcher.handle(bytes_of("\r\n227 ")).bytes), "\r\n");
  EXPECT_EQ(text_of(watcher.finish()), "227 ");
}

TEST(FtpWatcher, a_line_beyond_the_limit_passes_and_is_no_reply) {
  const std::string filler(FtpWatcher::line_bytes_max, 'x');
  for (const std::size_t piece : {1U, 7U, 512U, 5000U}) {
    const std::string said = "227 " + filler + " (1,2,3,4,8,0)\r\n229 y (|||2000|)\r\n";
    const Heard heard = hear(said, piece);
    EXPECT_EQ(heard.text, said);
    EXPECT_EQ(heard.ports, std::vector<std::uint16_t>{2000});
  }
  const std::string several = "230-" + filler + "\r\n229 text (|||2000|)\r\n230 " + filler + "\r\n229 y (|||2001|)\r\n";
  EXPECT_EQ(hear(several, 3).text, several);
  EXPECT_EQ(hear(several, 3).ports, std::vector<std::uint16_t>{2001});
}

TEST(FtpWatcher, holds_back_no_more_than_a_line) {
  FtpWatcher watcher(overlay);
  std::size_t passed = 0;
  for (std::size_t i = 1; i <= 100'000; i++) {
    passed += watcher.handle(bytes_of(i <= 4 ? std::string_view("227 ").substr(i - 1, 1) : "x")).bytes.size();
    ASSERT_LE(i - passed, FtpWatcher::line_bytes_max);
  }
}

TEST(FtpWatcher, a_line_that_a_device_was_made_to_print_announces_nothing) {
  constexpr std::string_view injected = "257 \"/print/a\r\n227 y (1,1,1,1,35,140)\" created\r\n";
  EXPECT_EQ(announced("MKD /print/a\r\n", injected), Ports());
  EXPECT_EQ(announced("PWD\r\n", injected), Ports());
  EXPECT_EQ(announced("MKD /print/a\r\nPASV\r\n", injected), Ports());
  EXPECT_EQ(announced("", "227 y (1,1,1,1,35,140)\r\n229 y (|||9100|)\r\n"), Ports());
  EXPECT_EQ(announced("NOOP PASV\r\nXPASV\r\nPASVX\r\n PASV\r\nPASV", "227 y (1,1,1,1,35,140)\r\n"), Ports());
}

TEST(FtpWatcher, a_command_is_answered_by_the_first_reply_and_by_its_own) {
  EXPECT_EQ(announced("PASV\r\n", "227 a (1,2,3,4,8,0)\r\n227 b (1,2,3,4,8,1)\r\n"), Ports{2048});
  EXPECT_EQ(announced("EPSV\r\n", "229 a (|||2000|)\r\n229 b (|||2001|)\r\n"), Ports{2000});
  EXPECT_EQ(announced("PASV\r\n", "229 a (|||2000|)\r\n"), Ports());
  EXPECT_EQ(announced("EPSV\r\n", "227 a (1,2,3,4,8,0)\r\n"), Ports());
  EXPECT_EQ(announced("EPSV\r\n", "500 what?\r\n229 a (|||2000|)\r\n"), Ports());
  EXPECT_EQ(announced("PASV\r\n", "150 a\r\n227 a (1,2,3,4,8,0)\r\n"), Ports());
  EXPECT_EQ(announced("PASV\r\n", "230-a\r\n230 b\r\n227 a (1,2,3,4,8,0)\r\n"), Ports());
  const std::string too_long(FtpWatcher::line_bytes_max, 'x');
  EXPECT_EQ(announced("PASV\r\n", too_long + "\r\n227 a (1,2,3,4,8,0)\r\n"), Ports());
}

TEST(FtpWatcher, commands_are_read_in_any_case_and_in_any_pieces) {
  EXPECT_EQ(announced("pasv\n", "227 a (1,2,3,4,8,0)\r\n"), Ports{2048});
  EXPECT_EQ(announced("EpSv 1\r\n", "229 a (|||2000|)\r\n"), Ports{2000});
  FtpWatcher watcher(overlay);
  const std::string said = "CWD " + std::string(5000, 'x') + "\r\nPASV\r\n";
  for (const char c : said) {
    watcher.sent(bytes_of(std::string_view(&c, 1)));
  }
  EXPECT_EQ(watcher.handle(bytes_of("227 a (1,2,3,4,8,0)\r\n")).ports, Ports{2048});
}

TEST(FtpWatcher, after_the_answer_to_auth_nothing_is_touched) {
  expect_untouched("234 AUTH TLS OK.\r\n227 (1,2,3,4,8,0)\r\n229 (|||2000|)\r\n");
  FtpWatcher watcher(overlay);
  watcher.handle(bytes_of("234 Proceed\r\n"));
  EXPECT_TRUE(watcher.is_transparent());
  EXPECT_EQ(text_of(watcher.handle(bytes_of("2")).bytes), "2");
}

TEST(FtpWatcher, garbage_comes_out_as_it_went_in_and_in_any_pieces_the_same) {
  SeededRandom random(4711);
  const std::string_view words[] = {"227 ", "229 ", "227-", "230-", "230 ", "(|||", "|)", "1,2,3,4,5,6",
                                    "\r\n", "\n",   "2000", "x",    "\xff", "22",   ","};
  for (int round = 0; round < 2000; round++) {
    std::string said;
    for (std::uint64_t i = random.below(30); i > 0; i--) said += words[random.below(std::size(words))];
    const Heard whole = hear(said, 1 + said.size());
    const Heard pieces = hear(said, 1 + random.below(5));
    ASSERT_EQ(whole.text, pieces.text);
    ASSERT_EQ(whole.ports, pieces.ports);
    ASSERT_EQ(hear(said, 3, std::nullopt).text, said);
  }
}

}  // namespace
}  // namespace quoin::tunnel
