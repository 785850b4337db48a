add_floor(airframe_tokenizer
  SOURCES bpe_encoder.cpp bpe_merger.cpp byte_level.cpp charsmap.cpp merge_table.cpp pretokenizer.cpp pretokenizer_table.cpp
          special_matcher.cpp special_spaces.cpp special_tokens.cpp spm_encoder.cpp stream_decoder.cpp text_runs.cpp token_pair.cpp
          tokenizer.cpp unigram_encoder.cpp vocab.cpp wordpiece_encoder.cpp
  LINKS airframe_gguf base PkgConfig::PCRE2 PkgConfig::UTF8PROC)

add_floor_test(airframe_tokenizer_test ASAN
  SOURCES bpe_test.cpp encoders_test.cpp pretokenizer_test.cpp tokenizer_test.cpp
  LINKS airframe_tokenizer)
add_floor_test(airframe_tokenizer_vectors_test ASAN
  SOURCES tokenizer_vectors_test.cpp tokenizer_property_test.cpp
  LINKS airframe_tokenizer Boost::json)

add_fuzz_target(tokenizer_fuzz SOURCES tokenizer_fuzz.cpp LINKS airframe_tokenizer)
add_fuzz_target(stream_decoder_fuzz SOURCES stream_decoder_fuzz.cpp LINKS airframe_tokenizer)
