quoin_fuzz(noise_handshake_fuzz LAYERS base crypto noise SOURCES noise_handshake_fuzz.cc)
quoin_fuzz(noise_records_fuzz LAYERS base crypto noise SOURCES noise_records_fuzz.cc)
