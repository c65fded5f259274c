#include "vectors/folder.h"

namespace quoin::vectors {

std::string path_of(const std::string& name) {
  return QUOIN_VECTORS "/" + name;
}

}  // namespace quoin::vectors
