// Login names, as a control server shows them: how they may look and when two are the same.
//
// They are mail addresses in practice, and control servers differ in whether they keep the case that was typed, so
// ASCII letters compare without case and every other byte exactly. "*" means every person. A node without a person (a
// tagged one) is never an engineer, whatever name it shows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quoin::gate {

constexpr std::size_t engineers_max = 32;  // in the configuration and in one warrant
constexpr std::string_view every_person = "*";

bool is_login(std::string_view text);  // 1 to 255 printable bytes, none of them space, comma or one of \"<>&
bool same_login(std::string_view a, std::string_view b);
// Whether a list of names lets this person in. Empty names and those that control servers give to tagged nodes do not
// stand for persons.
bool names_person(const std::vector<std::string>& list, std::string_view login);
bool names_everyone(const std::vector<std::string>& list);

}  // namespace quoin::gate
