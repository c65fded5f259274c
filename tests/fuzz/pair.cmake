quoin_fuzz(pair_from_tunnel_fuzz LAYERS pair base crypto SOURCES pair_from_tunnel_fuzz.cc)
quoin_fuzz(pair_from_gate_fuzz LAYERS pair base crypto SOURCES pair_from_gate_fuzz.cc)
quoin_fuzz(pair_name_answer_fuzz LAYERS pair base crypto SOURCES pair_name_answer_fuzz.cc)
quoin_fuzz(pair_serial_answer_fuzz LAYERS pair base crypto SOURCES pair_serial_answer_fuzz.cc)
