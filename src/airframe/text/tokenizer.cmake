add_floor(airframe_tokenizer
  SOURCES bpe_encoder.cpp bpe_merger.cpp byte_level.cpp charsmap.cpp merge_table.cpp pretokenizer.cpp pretokenizer_table.cpp
          special_matcher.cpp special_spaces.cpp special_tokens.cpp spm_encoder.cpp stream_decoder.cpp text_runs.cpp
          tokenizer.cpp unigram_encoder.cpp vocab.cpp wordpiece_encoder.cpp
  LINKS airframe_gguf base PkgConfig::PCRE2 PkgConfig::UTF8PROC)
