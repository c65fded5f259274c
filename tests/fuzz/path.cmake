quoin_fuzz(path_operations_fuzz LAYERS path path_guard disco stun crypto base SOURCES path_operations_fuzz.cc)
