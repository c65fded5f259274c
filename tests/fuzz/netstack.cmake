quoin_fuzz(netstack_packets_fuzz LAYERS netstack crypto base SOURCES netstack_packets_fuzz.cc)
quoin_fuzz(netstack_calls_fuzz LAYERS netstack_active netstack crypto base SOURCES netstack_calls_fuzz.cc)
quoin_fuzz(netstack_fragments_fuzz LAYERS netstack crypto base SOURCES netstack_fragments_fuzz.cc)
