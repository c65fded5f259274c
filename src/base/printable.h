// Which texts may pass between the processes, into the audit file, into a log and onto a terminal: valid UTF-8 without
// control characters, line separators, marks that change the direction of writing, or characters that nobody sees (the
// last two make one name look like another).
#pragma once

#include <string>
#include <string_view>

namespace quoin {

bool is_printable(std::string_view text);

// What is not printable becomes '?', byte by byte; cut between characters to at most bytes_max.
std::string printable(std::string_view text, std::size_t bytes_max);

}  // namespace quoin
