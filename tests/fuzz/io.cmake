quoin_fuzz(io_http1_fuzz LAYERS base http SOURCES ${CMAKE_CURRENT_LIST_DIR}/io_http1_fuzz.cc)
quoin_fuzz(io_http_connect_fuzz LAYERS base http SOURCES ${CMAKE_CURRENT_LIST_DIR}/io_http_connect_fuzz.cc)
quoin_fuzz(io_neighbour_messages_fuzz LAYERS base io SOURCES ${CMAKE_CURRENT_LIST_DIR}/io_neighbour_messages_fuzz.cc)
target_link_libraries(io_neighbour_messages_fuzz PRIVATE quoin_io_gate)
