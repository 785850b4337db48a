// Statements of the template language. See jinja_parser.h.
#include "airframe/text/jinja_parser.h"

#include <algorithm>

namespace airframe::jinja {
namespace {

constexpr int kNestingMax = 200;  // brackets in brackets, tags in tags

}  // namespace

NameId Program::intern(std::string_view text) {
    if (const auto found = name_ids.find(text); found != name_ids.end()) return found->second;
    const auto id = static_cast<NameId>(names.size());
    names.push_back({std::string(text), methods_named(text), find_global(text)});
    name_ids.emplace(names.back().text, id);
    return id;
}

std::unique_ptr<Program> Parser::parse(std::string_view source) {
    auto program = std::make_unique<Program>();
    program->source = normalise_source(source);
    Parser(*program).run();
    return program;
}

Parser::Parser(Program& program) : program_(program), tokens_(tokenize_template(program.source)) {}

void Parser::run() {
    program_.loop_name = program_.intern("loop");
    program_.caller_name = program_.intern("caller");
    program_.varargs_name = program_.intern("varargs");
    program_.kwargs_name = program_.intern("kwargs");
    program_.body = parse_until({});
    if (!unknown_.empty()) throw SyntaxFailure(unknown_.front());
}

Parser::Nested::Nested(Parser& parser) : parser_(parser) {
    if (parser.depth_ >= kNestingMax)
        parser.fail(fmt::format("nested more than {} levels deep", kNestingMax));
    ++parser.depth_;
}

// ---- tokens

bool Parser::skip_if(Tok kind) {
    if (!is(kind)) return false;
    take();
    return true;
}

bool Parser::skip_name(std::string_view name) {
    if (!is_name(name)) return false;
    take();
    return true;
}

std::string Parser::shown(const Token& token) {
    return std::string(token.kind == Tok::kName ? token.text : describe(token.kind));
}

const Token& Parser::expect(Tok kind) {
    if (is(kind)) return take();
    if (is(Tok::kEnd)) fail(fmt::format("unexpected end of template, expected '{}'", describe(kind)));
    fail(fmt::format("expected token '{}', got '{}'", describe(kind), shown(now())));
}

void Parser::expect_name(std::string_view name) {
    if (skip_name(name)) return;
    if (is(Tok::kEnd)) fail(fmt::format("unexpected end of template, expected '{}'", name));
    fail(fmt::format("expected token '{}', got '{}'", name, shown(now())));
}

void Parser::fail_at(std::string message, const Token& token) const {
    throw SyntaxFailure{std::move(message), token.offset};
}

std::string Parser::awaited_tags() const {
    if (awaited_.empty() || awaited_.back().size() == 0) return {};
    std::string list;
    for (const std::string_view tag : awaited_.back())
        list += fmt::format("{}'{}'", list.empty() ? "" : " or ", tag);
    std::string out = fmt::format(". Jinja was looking for the following tags: {}", list);
    if (!open_tags_.empty()) {
        out += fmt::format(". The innermost block that needs to be closed is '{}'", open_tags_.back());
    }
    return out;
}

void Parser::fail_unknown_tag(const Token& tag) const {
    fail_at(fmt::format("Encountered unknown tag '{}'{}", tag.text, awaited_tags()), tag);
}

void Parser::fail_end_of_template() const {
    fail(fmt::format("Unexpected end of template{}", awaited_tags()));
}

uint32_t Parser::line_of(const Token& token) const {
    if (token.offset < line_offset_) {
        line_offset_ = 0;
        line_number_ = 1;
    }
    const auto begin = program_.source.begin();
    line_number_ += static_cast<uint32_t>(std::count(begin + static_cast<ptrdiff_t>(line_offset_),
                                                     begin + static_cast<ptrdiff_t>(token.offset), '\n'));
    line_offset_ = token.offset;
    return line_number_;
}

std::string_view Parser::keep(std::string_view text) { return program_.texts.emplace_back(text); }

Stmt* Parser::add(StmtKind kind) {
    program_.statements.push_back({.kind = kind, .line = line()});
    return &program_.statements.back();
}

// ---- statements

Block Parser::parse_until(Ends ends) {
    const Nested nested(*this);
    Block body;
    Stmt* output = nullptr;  // neighbouring data and prints share one statement
    const auto emit = [&](const Expr* expr) {
        if (!output) {
            output = add(StmtKind::kOutput);
            body.push_back(output);
        }
        output->parts.push_back(expr);
    };
    while (!is(Tok::kEnd)) {
        if (is(Tok::kData)) {
            emit(constant(Value::string(program_.constants.add(std::string(now().text)))));
            take();
        } else if (is(Tok::kPrintBegin)) {
            take();
            emit(parse_tuple(TupleMode::kFull));
            expect(Tok::kPrintEnd);
        } else {
            take();
            output = nullptr;
            const bool end = is(Tok::kName) && std::find(ends.begin(), ends.end(), now().text) != ends.end();
            if (end) return body;
            body.push_back(parse_statement());
            expect(Tok::kBlockEnd);
        }
    }
    return body;
}

Block Parser::parse_body(Ends ends) {
    skip_if(Tok::kColon);
    expect(Tok::kBlockEnd);
    awaited_.push_back(ends);
    Block body = parse_until(ends);
    if (is(Tok::kEnd)) fail_end_of_template();
    awaited_.pop_back();
    return body;
}

Stmt* Parser::parse_statement() {
    struct Row {
        std::string_view tag;
        Stmt* (Parser::*parse)();
    };
    static constexpr Row kRows[] = {
        {"set", &Parser::parse_set},
        {"for", &Parser::parse_for},
        {"if", &Parser::parse_if},
        {"with", &Parser::parse_with},
        {"macro", &Parser::parse_macro},
        {"call", &Parser::parse_call_block},
        {"filter", &Parser::parse_filter_block},
        {"block", &Parser::parse_scope_block},
        {"generation", &Parser::parse_scope_block},
        {"print", &Parser::parse_print},
        {"break", &Parser::parse_loop_control},
        {"continue", &Parser::parse_loop_control},
        {"include", &Parser::parse_refused},
        {"import", &Parser::parse_refused},
        {"from", &Parser::parse_refused},
        {"extends", &Parser::parse_refused},
        {"autoescape", &Parser::parse_refused},
    };
    if (!is(Tok::kName)) fail("tag name expected");
    const Token tag = now();
    for (const Row& row : kRows) {
        if (row.tag != tag.text) continue;
        open_tags_.push_back(tag.text);
        Stmt* statement = (this->*row.parse)();
        open_tags_.pop_back();
        return statement;
    }
    fail_unknown_tag(tag);
}

Stmt* Parser::parse_set() {
    Stmt* set = add(StmtKind::kSet);
    take();
    set->target = parse_target(TupleMode::kNamespaceTarget);
    if (skip_if(Tok::kAssign)) {
        set->value = parse_tuple(TupleMode::kFull);
        return set;
    }
    set->kind = StmtKind::kSetBlock;
    set->value = parse_filter_chain(add(ExprKind::kBlockText), false);
    const Soft soft(*this, false);
    set->body = parse_body({"endset"});
    take();
    return set;
}

Stmt* Parser::parse_for() {
    Stmt* loop = add(StmtKind::kFor);
    take();
    loop->target = parse_target(TupleMode::kTarget, "in");
    expect_name("in");
    loop->value = parse_tuple(TupleMode::kNoCondition, "recursive");
    if (skip_name("if")) loop->test = parse_expression();
    loop->recursive = skip_name("recursive");
    const Soft soft(*this, false);
    open_loops_.push_back(loop);
    ++loops_here_;
    loop->body = parse_body({"endfor", "else"});
    --loops_here_;
    open_loops_.pop_back();
    if (take().text == "endfor") return loop;
    loop->otherwise = parse_body({"endfor"});
    take();
    return loop;
}

Stmt* Parser::parse_if() {
    Stmt* statement = add(StmtKind::kIf);
    take();
    const Soft soft(*this, true);
    while (true) {
        const Expr* test = parse_tuple(TupleMode::kNoCondition);
        statement->branches.push_back({test, parse_body({"elif", "else", "endif"})});
        const std::string_view end = take().text;
        if (end == "elif") continue;
        if (end == "else") {
            statement->branches.push_back({nullptr, parse_body({"endif"})});
            take();
        }
        return statement;
    }
}

Stmt* Parser::parse_with() {
    Stmt* with = add(StmtKind::kWith);
    take();
    while (!is(Tok::kBlockEnd)) {
        if (!with->bindings.empty()) expect(Tok::kComma);
        const Expr* target = parse_target(TupleMode::kTarget);
        expect(Tok::kAssign);
        with->bindings.push_back({target, parse_expression()});
    }
    const Soft soft(*this, false);
    with->body = parse_body({"endwith"});
    take();
    return with;
}

void Parser::parse_signature(MacroDef& macro) {
    expect(Tok::kLeftParen);
    while (!is(Tok::kRightParen)) {
        if (!macro.params.empty()) expect(Tok::kComma);
        const std::string_view param = expect(Tok::kName).text;
        if (skip_if(Tok::kAssign))
            macro.defaults.push_back(parse_expression());
        else if (!macro.defaults.empty())
            fail("non-default argument follows default argument");
        macro.params.push_back(program_.intern(param));
        if (param != "caller") continue;
        macro.has_caller_param = true;
        if (macro.defaults.empty())
            fail("the special 'caller' argument must be omitted or be given a default");
    }
    expect(Tok::kRightParen);
}

void Parser::parse_macro_body(MacroDef& macro, std::string_view end) {
    const Soft soft(*this, false);
    open_macros_.push_back(&macro);
    const int loops_outside = std::exchange(loops_here_, 0);
    macro.body = parse_body({end});
    loops_here_ = loops_outside;
    open_macros_.pop_back();
    take();
}

Stmt* Parser::parse_macro() {
    Stmt* statement = add(StmtKind::kMacro);
    take();
    MacroDef& macro = program_.macros.emplace_back();
    macro.line = statement->line;
    const std::string_view name = expect(Tok::kName).text;
    statement->name = program_.intern(name);
    macro.name = program_.names[statement->name].text;
    parse_signature(macro);
    parse_macro_body(macro, "endmacro");
    statement->macro = &macro;
    return statement;
}

Stmt* Parser::parse_call_block() {
    Stmt* statement = add(StmtKind::kCallBlock);
    take();
    MacroDef& macro = program_.macros.emplace_back();
    macro.line = statement->line;
    if (is(Tok::kLeftParen)) parse_signature(macro);
    statement->value = parse_expression();
    if (statement->value->kind != ExprKind::kCall) fail("expected call");
    parse_macro_body(macro, "endcall");
    statement->macro = &macro;
    return statement;
}

Stmt* Parser::parse_filter_block() {
    Stmt* statement = add(StmtKind::kFilterBlock);
    take();
    statement->value = parse_filter_chain(add(ExprKind::kBlockText), true);
    const Soft soft(*this, false);
    statement->body = parse_body({"endfilter"});
    take();
    return statement;
}

Stmt* Parser::parse_scope_block() {
    Stmt* statement = add(StmtKind::kScope);
    const bool block = take().text == "block";
    std::string_view name;
    if (block) {
        name = expect(Tok::kName).text;
        skip_name("scoped");
        if (is_name("required"))
            fail("a required block needs a template that extends this one; chat templates have none");
    }
    const Soft soft(*this, false);
    if (block)
        statement->body = parse_body({"endblock"});
    else
        statement->body = parse_body({"endgeneration"});
    take();
    if (block) skip_name(name);
    return statement;
}

Stmt* Parser::parse_print() {
    Stmt* statement = add(StmtKind::kOutput);
    take();
    while (!is(Tok::kBlockEnd)) {
        if (!statement->parts.empty()) expect(Tok::kComma);
        statement->parts.push_back(parse_expression());
    }
    return statement;
}

Stmt* Parser::parse_loop_control() {
    if (loops_here_ == 0) fail(fmt::format("'{}' outside of a loop", now().text));
    Stmt* statement = add(now().text == "break" ? StmtKind::kBreak : StmtKind::kContinue);
    take();
    return statement;
}

Stmt* Parser::parse_refused() {
    if (is_name("autoescape")) fail("'autoescape' is not supported: chat templates write text, not HTML");
    fail(fmt::format(
        "'{}' is not supported: a chat template stands alone, there are no other templates to load",
        now().text));
}

}  // namespace airframe::jinja
