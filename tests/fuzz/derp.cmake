quoin_fuzz(derp_client_fuzz LAYERS derp crypto base SOURCES derp_client_fuzz.cc)
quoin_fuzz(derp_accept_fuzz LAYERS derp crypto base SOURCES derp_accept_fuzz.cc)
