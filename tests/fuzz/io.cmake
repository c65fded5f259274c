quoin_fuzz(io_http1_fuzz LAYERS base io SOURCES ${CMAKE_CURRENT_LIST_DIR}/io_http1_fuzz.cc)
target_link_libraries(io_http1_fuzz PRIVATE quoin_io_tunnel)
quoin_fuzz(io_http_connect_fuzz LAYERS base io SOURCES ${CMAKE_CURRENT_LIST_DIR}/io_http_connect_fuzz.cc)
target_link_libraries(io_http_connect_fuzz PRIVATE quoin_io_gate)
