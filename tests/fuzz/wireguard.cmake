quoin_fuzz(wireguard_datagram_fuzz LAYERS base crypto wireguard SOURCES wireguard_datagram_fuzz.cc)
quoin_fuzz(wireguard_session_fuzz LAYERS base crypto wireguard SOURCES wireguard_session_fuzz.cc)
