add_floor(airframe_jinja SOURCES jinja.cpp LINKS airframe_tokenizer base Boost::json)
