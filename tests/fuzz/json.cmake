quoin_fuzz(json_codec_fuzz LAYERS json base SOURCES json_codec_fuzz.cc)
