add_floor(airframe_jinja
  SOURCES jinja.cpp jinja_access.cpp jinja_arithmetic.cpp jinja_call.cpp jinja_compare.cpp jinja_filters_markup.cpp
          jinja_filters_number.cpp jinja_filters_select.cpp jinja_filters_sequence.cpp jinja_filters_text.cpp
          jinja_format.cpp jinja_format_braces.cpp jinja_format_percent.cpp jinja_globals.cpp jinja_json.cpp
          jinja_lexer.cpp jinja_literal.cpp jinja_loop.cpp jinja_machine.cpp jinja_machine_expr.cpp jinja_methods.cpp
          jinja_methods_search.cpp jinja_methods_str.cpp jinja_parser.cpp jinja_parser_expr.cpp jinja_parser_postfix.cpp jinja_print.cpp
          jinja_strings.cpp jinja_tests.cpp jinja_text.cpp jinja_unicode.cpp jinja_value.cpp jinja_wrap.cpp
  LINKS airframe_tokenizer base Boost::json PkgConfig::UTF8PROC)

include(${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
file(GLOB chat_templates CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/templates/*.jinja)
add_floor(airframe_chat
  SOURCES chat_messages.cpp chat_template.cpp chat_template_choice.cpp
  LINKS airframe_jinja)
embed_files(airframe_chat airframe_chat_templates ${chat_templates})

add_floor_test(airframe_jinja_test ASAN
  SOURCES jinja_conformance_test.cpp jinja_test.cpp
  LINKS airframe_jinja)
add_fuzz_target(jinja_fuzz SOURCES jinja_fuzz.cpp LINKS airframe_jinja)
add_floor_test(airframe_chat_test ASAN SOURCES chat_template_test.cpp LINKS airframe_chat)
