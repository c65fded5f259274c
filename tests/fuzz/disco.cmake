quoin_fuzz(disco_message_fuzz LAYERS disco crypto base SOURCES disco_message_fuzz.cc)
quoin_fuzz(disco_envelope_fuzz LAYERS disco crypto base SOURCES disco_envelope_fuzz.cc)
