add_floor(airframe_grammar
  SOURCES grammar_builder.cpp grammar_dfa.cpp grammar_gbnf.cpp grammar_gbnf_finish.cpp grammar_machine.cpp grammar_nodes.cpp grammar_nodes_json.cpp grammar_text.cpp text_scan.cpp token_masks.cpp token_trie.cpp
          json_schema_compile.cpp json_schema_document.cpp json_schema_formula.cpp json_schema_formula_containers.cpp
          json_schema_keywords.cpp json_schema_number.cpp json_schema_scalar.cpp json_schema_shape.cpp
          json_schema_shape_array.cpp json_schema_value.cpp regex_classes.cpp regex_compile.cpp regex_parse.cpp
  LINKS airframe_tokenizer base PkgConfig::UTF8PROC)


add_floor_test(airframe_grammar_test ASAN
  SOURCES grammar_test.cpp json_schema_test.cpp text_scan_test.cpp token_masks_test.cpp
  LINKS airframe_grammar)
add_floor_test(airframe_grammar_data_test
  SOURCES json_schema_data_test.cpp
  LINKS airframe_grammar Boost::json)
add_fuzz_target(json_schema_fuzz SOURCES json_schema_fuzz.cpp LINKS airframe_grammar)
add_fuzz_target(gbnf_fuzz SOURCES gbnf_fuzz.cpp LINKS airframe_grammar)
add_fuzz_target(regex_fuzz SOURCES regex_fuzz.cpp LINKS airframe_grammar)
add_fuzz_target(grammar_masks_fuzz SOURCES grammar_masks_fuzz.cpp LINKS airframe_grammar)
