// What a process needs to ask for a name without opening anything by itself: the host table, and sockets that are
// connected to the name servers of resolv.conf(5).
#pragma once

#include <vector>

#include "io/descriptor.h"

namespace quoin::io {

struct NameSources {
  Descriptor host_table;            // none: there is none
  std::vector<Descriptor> servers;  // in the order in which they are to be asked
};
// As both files are now; reads them, so that it takes as long as the disk does. Without a name server in resolv.conf
// it is this host that is asked, as resolver(3) does it.
NameSources open_name_sources(std::size_t servers_max);

}  // namespace quoin::io
