// Tokens to a Program: recursive descent over statements (jinja_parser.cpp) and expressions
// (jinja_parser_expr.cpp), with nesting bounded. Throws SyntaxFailure. Unknown filters and tests are errors
// here, except where Jinja leaves them for run time: inside `if` statements and conditional expressions.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/jinja_ast.h"
#include "airframe/text/jinja_lexer.h"

namespace airframe::jinja {

class Parser {
  public:
    explicit Parser(Program& program);
    void run();

    static std::unique_ptr<Program> parse(std::string_view source);

  private:
    using Ends = std::initializer_list<std::string_view>;
    enum class TupleMode { kFull, kNoCondition, kTarget, kNamespaceTarget };

    // ---- tokens
    const Token& now() const { return tokens_[at_]; }
    const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
    const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
    bool is(Tok kind) const { return now().kind == kind; }
    bool is_name(std::string_view name) const { return is(Tok::kName) && now().text == name; }
    bool skip_if(Tok kind);
    bool skip_name(std::string_view name);
    const Token& expect(Tok kind);
    void expect_name(std::string_view name);
    [[noreturn]] void fail(std::string message) const { fail_at(std::move(message), now()); }
    [[noreturn]] void fail_at(std::string message, const Token& token) const;
    [[noreturn]] void fail_unknown_tag(const Token& tag) const;
    [[noreturn]] void fail_end_of_template() const;
    std::string awaited_tags() const;
    static std::string shown(const Token& token);
    uint32_t line() const { return line_of(now()); }
    uint32_t line_of(const Token& token) const;

    // ---- statements
    Block parse_until(Ends ends);
    Block parse_body(Ends ends);  // up to and without the end tag's name, which is the current token
    Stmt* parse_statement();
    Stmt* parse_set();
    Stmt* parse_for();
    Stmt* parse_if();
    Stmt* parse_with();
    Stmt* parse_macro();
    Stmt* parse_call_block();
    Stmt* parse_filter_block();
    Stmt* parse_scope_block();  // block, generation
    Stmt* parse_print();
    Stmt* parse_loop_control();
    Stmt* parse_refused();  // include, import, from, extends, autoescape
    void parse_signature(MacroDef& macro);
    void parse_macro_body(MacroDef& macro, std::string_view end);
    Stmt* add(StmtKind kind);

    // ---- expressions
    const Expr* parse_expression() { return parse_condition(); }
    const Expr* parse_condition();
    const Expr* parse_or();
    const Expr* parse_and();
    const Expr* parse_not();
    const Expr* parse_compare();
    const Expr* parse_sum();
    const Expr* parse_concat();
    const Expr* parse_product();
    const Expr* parse_power();
    const Expr* parse_unary(bool with_filters);
    const Expr* parse_primary(bool with_namespace = false);
    const Expr* parse_name(bool with_namespace);
    const Expr* parse_number();
    const Expr* parse_list();
    const Expr* parse_dict();
    const Expr* parse_postfix(const Expr* node);
    const Expr* parse_filters_and_tests(const Expr* node);
    const Expr* parse_subscript(const Expr* node);
    const Expr* parse_index();
    const Expr* parse_call(const Expr* callee);
    const Expr* parse_filter(const Expr* operand);
    const Expr* parse_filter_chain(const Expr* operand, bool start_inline);
    const Expr* parse_test(const Expr* operand);
    const Expr* parse_tuple(TupleMode mode, std::string_view end_name = {}, bool parenthesised = false);
    const Expr* parse_target(TupleMode mode, std::string_view end_name = {});
    void require_assignable(const Expr* target, const Token& token) const;
    CallArgs* parse_call_args();
    std::string_view dotted_name();
    Expr* add(ExprKind kind);
    Expr* add(ExprKind kind, std::initializer_list<const Expr*> parts);
    Expr* constant(Value value);
    std::string_view keep(std::string_view text);

    struct Nested;  // one level of nesting
    struct Soft;    // unknown filters and tests wait for run time, or not

    Program& program_;
    std::vector<Token> tokens_;
    size_t at_ = 0;
    int depth_ = 0;
    bool soft_ = false;
    std::vector<Ends> awaited_;  // end tags, outermost first
    std::vector<std::string_view> open_tags_;
    std::vector<SyntaxFailure> unknown_;  // filters and tests; forgiven inside conditional expressions
    std::vector<Stmt*> open_loops_;
    int loops_here_ = 0;  // open loops of this macro: what `break` can leave
    std::vector<MacroDef*> open_macros_;
    mutable size_t line_offset_ = 0;  // lines are counted on from here
    mutable uint32_t line_number_ = 1;
};

struct Parser::Nested {
    explicit Nested(Parser& parser);
    ~Nested() { --parser_.depth_; }
    Parser& parser_;
};

struct Parser::Soft {
    Soft(Parser& parser, bool soft) : parser_(parser), before_(parser.soft_) { parser.soft_ = soft; }
    ~Soft() { parser_.soft_ = before_; }
    Parser& parser_;
    bool before_;
};

}  // namespace airframe::jinja
