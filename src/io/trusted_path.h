// The way to a file or folder that nobody may exchange but root and the user who runs this.
//
// Whoever may write a folder can move away what it holds and put something else there, whoever owns that. So the path
// is walked from the root, part by part, and each folder is judged once it is open: it must belong to root or to us,
// and nobody else may write it. sshd judges the way to a user's keys like that (StrictModes), and systemd the paths of
// its own files (CHASE_SAFE). One thing sshd does not have: a folder with the sticky bit, such as /tmp, is good enough,
// since there nobody else can move or remove what is root's or ours.
//
// The kernel follows no link for us. One on the way, such as /var/run, is read, and counts if it is root's or ours and
// stands in a folder that nobody else may write; where it leads to is walked and judged alike.
#pragma once

#include <string>

#include "io/descriptor.h"
#include "io/file_failure.h"

namespace quoin::io {

struct Place {
  Descriptor folder;        // only a place to go on from (O_PATH)
  std::string folder_path;  // for sentences
  std::string name;         // the last part, or "." for the folder itself
};

enum class LastPart { as_it_is, followed };   // if it is a link
enum class MissingFolders { refused, made };  // with mode 0755, as far as the umask lets

// A path that is not absolute begins where we run. What stands at the place itself is left to the caller to judge.
Result<Place, FileFailure> walk_to(const std::string& path, LastPart last, MissingFolders missing);

}  // namespace quoin::io
