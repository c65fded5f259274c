#include "gate/engineers.h"

#include <algorithm>

#include "pair/text.h"

namespace quoin::gate {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool is_login(std::string_view text) {
  return !text.empty() && text.size() <= 255 && pair::is_printable(text) &&
         text.find_first_of(" ,\\\"<>&") == std::string_view::npos;
}

bool same_login(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool names_everyone(const std::vector<std::string>& list) {
  return std::ranges::find(list, every_person) != list.end();
}

bool names_person(const std::vector<std::string>& list, std::string_view login) {
  if (!is_login(login) || login == every_person || same_login(login, "tagged-devices")) return false;
  return names_everyone(list) || std::ranges::any_of(list, [&](const auto& name) { return same_login(name, login); });
}

}  // namespace quoin::gate
