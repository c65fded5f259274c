quoin_fuzz(stun_request_fuzz LAYERS base stun SOURCES stun_request_fuzz.cc)
quoin_fuzz(stun_response_fuzz LAYERS base stun SOURCES stun_response_fuzz.cc)
