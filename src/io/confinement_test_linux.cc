#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "io/capabilities.h"
#include "io/confinement.h"
#include "io/descriptor.h"
#include "io/unix_address.h"

namespace quoin::io {
namespace {

// In a process of its own, which cannot get back what it gives up.
int in_a_process(const std::function<int()>& what) {
  const pid_t child = fork();
  if (child == 0) _exit(what());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class ConfinementTest : public testing::Test {
 protected:
  void SetUp() override {
    char made[] = "/tmp/quoin-confined-XXXXXX";
    ASSERT_NE(mkdtemp(made), nullptr);
    root = made;
    for (const char* folder : {"/files", "/sockets", "/other"}) ASSERT_EQ(mkdir((root + folder).c_str(), 0755), 0);
    std::ofstream(root + "/other/kept") << "x";
  }
  void TearDown() override { std::filesystem::remove_all(root); }

  bool writes(const std::string& path) const {
    const Descriptor made(open((root + path).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    return made && write(made.number(), "y", 1) == 1;
  }
  bool binds(const std::string& path) const {
    const Descriptor made(socket(AF_UNIX, SOCK_STREAM, 0));
    const auto address = UnixAddress::of(root + path);
    return bind(made.number(), reinterpret_cast<const sockaddr*>(address->bytes.data()), address->length) == 0;
  }

  std::string root;
};

TEST_F(ConfinementTest, nothing_is_written_elsewhere_and_everything_can_be_read) {
  const int outcome = in_a_process([this] {
    if (!give_up_capabilities_except({})) return 1;
    const auto confined = write_only_to({.file_folders = {root + "/files"}, .socket_folders = {root + "/sockets"}});
    if (!confined) return 2;
    if (!*confined) return 77;
    if (!writes("/files/new") || rename((root + "/files/new").c_str(), (root + "/files/newer").c_str()) != 0) return 3;
    if (!binds("/sockets/one") || unlink((root + "/sockets/one").c_str()) != 0) return 4;
    if (writes("/other/new") || writes("/other/kept") || writes("/sockets/file") || binds("/files/socket")) return 5;
    if (truncate((root + "/other/kept").c_str(), 0) == 0 || unlink((root + "/other/kept").c_str()) == 0) return 6;
    if (mkdir((root + "/files/folder").c_str(), 0700) == 0 || writes("/../passwd")) return 7;
    if (!Descriptor(open((root + "/other/kept").c_str(), O_RDONLY | O_CLOEXEC))) return 8;
    return 0;
  });
  if (outcome == 77) GTEST_SKIP() << "the kernel has no Landlock";
  EXPECT_EQ(outcome, 0);
}

TEST_F(ConfinementTest, no_file_is_given_other_rights_not_even_ones_own) {
  const std::string kept = root + "/other/kept";
  EXPECT_EQ(in_a_process([&] {
              if (!give_up_capabilities_except({})) return 1;
              if (!refuse_changes_of_rights()) return 2;
              const Descriptor file(open(kept.c_str(), O_RDONLY | O_CLOEXEC));
              const auto is_refused = [](int result) { return result == -1 && errno == EPERM; };
              if (!is_refused(chmod(kept.c_str(), 04755)) || !is_refused(fchmod(file.number(), 04755))) return 3;
              if (!is_refused(chown(kept.c_str(), geteuid(), getegid()))) return 4;
              if (!is_refused(fsetxattr(file.number(), "user.x", "y", 1, 0))) return 5;
              if (!is_refused(static_cast<int>(syscall(SYS_unshare, CLONE_NEWUSER)))) return 6;
              return close_range(900, 1000, CLOSE_RANGE_UNSHARE) == 0 ? 0 : 7;  // what io/closer.h needs
            }),
            0);
}

TEST(Capabilities, only_what_is_kept_is_left_and_no_program_gets_any) {
  if (!has_capabilities({CAP_CHOWN, CAP_NET_RAW, CAP_SETPCAP})) GTEST_SKIP() << "needs root";
  EXPECT_EQ(in_a_process([] {
              if (!give_up_capabilities_except(capabilities_of_gate())) return 1;
              std::ifstream lines("/proc/self/status");
              std::map<std::string, std::string> says;
              for (std::string line; std::getline(lines, line);)
                says[line.substr(0, line.find(':'))] = line.substr(line.find(':') + 1);
              std::uint64_t kept = 0;
              for (const int number : capabilities_of_gate()) kept |= std::uint64_t{1} << number;
              for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) {
                if (std::stoull(says[set], nullptr, 16) != kept) return 2;
              }
              for (const char* set : {"CapInh", "CapAmb"}) {
                if (std::stoull(says[set], nullptr, 16) != 0) return 3;
              }
              return says["NoNewPrivs"] == "\t1" && !has_capabilities({CAP_CHOWN}) ? 0 : 4;
            }),
            0);
}

}  // namespace
}  // namespace quoin::io
