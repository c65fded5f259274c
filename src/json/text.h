// How texts and numbers stand in JSON.
#pragma once

#include <string>
#include <string_view>

namespace quoin::json {

// Quoted and escaped. Besides what RFC 8259 asks for, characters that mean something to a page or a terminal leave as
// \u escapes: < > & DEL, the C1 controls, and U+2028, U+2029. A byte that breaks UTF-8 becomes U+FFFD.
void append_quoted(std::string& out, std::string_view text);

// The shortest decimal that reads back as the same double. Infinity and NaN, which JSON lacks, are our own mistake.
void append_number(std::string& out, double value);

}  // namespace quoin::json
