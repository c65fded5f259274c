quoin_fuzz(tunnel_operations_fuzz LAYERS tunnel node pair netstack control wireguard path derp disco stun noise crypto json base
           SOURCES tunnel_operations_fuzz.cc)
target_link_libraries(tunnel_operations_fuzz PRIVATE simulated_world)
if(NOT QUOIN_FUZZ)
  set_tests_properties(tunnel_operations_fuzz PROPERTIES COST 12)  # the longest begins first
endif()
