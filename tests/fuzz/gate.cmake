set(gate_layers gate base json crypto pair path_guard)
quoin_fuzz(gate_config_fuzz LAYERS ${gate_layers} SOURCES gate_config_fuzz.cc)
quoin_fuzz(gate_commands_fuzz LAYERS ${gate_layers} SOURCES gate_commands_fuzz.cc)
quoin_fuzz(gate_audit_fuzz LAYERS ${gate_layers} SOURCES gate_audit_fuzz.cc)
# The simulated site is the gate's own test code: an edge, a LAN and a hostile tunnel in memory.
quoin_fuzz(gate_operations_fuzz LAYERS ${gate_layers} SOURCES gate_operations_fuzz.cc
           ${CMAKE_SOURCE_DIR}/src/gate/simulated_edge.cc ${CMAKE_SOURCE_DIR}/src/gate/simulated_edge_udp.cc)
