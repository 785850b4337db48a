add_floor(airframe_tokenizer SOURCES tokenizer.cpp LINKS airframe_gguf base PkgConfig::PCRE2 PkgConfig::UTF8PROC)
