// Expressions of the template language, loosest binding first. See jinja_parser.h.
#include <algorithm>

#include "airframe/text/jinja_parser.h"

namespace airframe::jinja {

Expr* Parser::add(ExprKind kind) {
    program_.expressions.push_back({.kind = kind, .line = line()});
    return &program_.expressions.back();
}

Expr* Parser::add(ExprKind kind, std::initializer_list<const Expr*> parts) {
    Expr* expr = add(kind);
    expr->parts = parts;
    for (const Expr* part : parts) {
        if (part) expr->line = std::min(expr->line, part->line);
    }
    return expr;
}

Expr* Parser::constant(Value value) {
    Expr* expr = add(ExprKind::kConstant);
    expr->constant = std::move(value);
    return expr;
}

const Expr* Parser::parse_condition() {
    const Nested nested(*this);
    const size_t unknown_before = unknown_.size();
    const Expr* value = parse_or();
    while (skip_name("if")) {
        const Expr* test = parse_or();
        const Expr* other = skip_name("else") ? parse_condition() : nullptr;
        value = add(ExprKind::kCondition, {test, value, other});
        unknown_.resize(unknown_before);
    }
    return value;
}

const Expr* Parser::parse_or() {
    const Expr* left = parse_and();
    while (skip_name("or")) left = add(ExprKind::kOr, {left, parse_and()});
    return left;
}

const Expr* Parser::parse_and() {
    const Expr* left = parse_not();
    while (skip_name("and")) left = add(ExprKind::kAnd, {left, parse_not()});
    return left;
}

const Expr* Parser::parse_not() {
    if (!is_name("not")) return parse_compare();
    const Nested nested(*this);
    take();
    return add(ExprKind::kNot, {parse_not()});
}

const Expr* Parser::parse_compare() {
    struct Row {
        Tok token;
        Comparison comparison;
    };
    static constexpr Row kRows[] = {
        {Tok::kEqual, Comparison::kEqual},     {Tok::kNotEqual, Comparison::kNotEqual},
        {Tok::kLess, Comparison::kLess},       {Tok::kLessEqual, Comparison::kLessEqual},
        {Tok::kGreater, Comparison::kGreater}, {Tok::kGreaterEqual, Comparison::kGreaterEqual},
    };
    const Expr* first = parse_sum();
    Expr* chain = nullptr;
    while (true) {
        const Row* row = std::ranges::find(kRows, now().kind, &Row::token);
        Comparison comparison;
        if (row != std::end(kRows))
            comparison = row->comparison;
        else if (is_name("in"))
            comparison = Comparison::kIn;
        else if (is_name("not") && look().kind == Tok::kName && look().text == "in")
            comparison = Comparison::kNotIn;
        else
            break;
        if (comparison == Comparison::kNotIn) take();
        take();
        if (!chain) chain = add(ExprKind::kCompare, {first});
        chain->comparisons.push_back(comparison);
        chain->parts.push_back(parse_sum());
    }
    return chain ? chain : first;
}

const Expr* Parser::parse_sum() {
    const Expr* left = parse_concat();
    while (is(Tok::kAdd) || is(Tok::kSub)) {
        const Binary op = take().kind == Tok::kAdd ? Binary::kAdd : Binary::kSub;
        Expr* sum = add(ExprKind::kBinary, {left, parse_concat()});
        sum->binary = op;
        left = sum;
    }
    return left;
}

const Expr* Parser::parse_concat() {
    const Expr* first = parse_product();
    if (!is(Tok::kTilde)) return first;
    Expr* concat = add(ExprKind::kConcat, {first});
    while (skip_if(Tok::kTilde)) concat->parts.push_back(parse_product());
    return concat;
}

const Expr* Parser::parse_product() {
    const Expr* left = parse_power();
    while (true) {
        Binary op;
        if (is(Tok::kMul))
            op = Binary::kMul;
        else if (is(Tok::kDiv))
            op = Binary::kDiv;
        else if (is(Tok::kFloorDiv))
            op = Binary::kFloorDiv;
        else if (is(Tok::kMod))
            op = Binary::kMod;
        else
            return left;
        take();
        Expr* product = add(ExprKind::kBinary, {left, parse_power()});
        product->binary = op;
        left = product;
    }
}

const Expr* Parser::parse_power() {
    const Expr* left = parse_unary(true);
    while (skip_if(Tok::kPow)) {
        Expr* power = add(ExprKind::kBinary, {left, parse_unary(true)});
        power->binary = Binary::kPow;
        left = power;
    }
    return left;
}

const Expr* Parser::parse_unary(bool with_filters) {
    const Nested nested(*this);
    const Expr* node = nullptr;
    if (skip_if(Tok::kSub))
        node = add(ExprKind::kNegate, {parse_unary(false)});
    else if (skip_if(Tok::kAdd))
        node = add(ExprKind::kPositive, {parse_unary(false)});
    else
        node = parse_primary();
    node = parse_postfix(node);
    return with_filters ? parse_filters_and_tests(node) : node;
}

const Expr* Parser::parse_name(bool with_namespace) {
    const std::string_view text = now().text;
    if (text == "true" || text == "True" || text == "false" || text == "False") {
        Expr* expr = constant(Value::boolean(text == "true" || text == "True"));
        take();
        return expr;
    }
    if (text == "none" || text == "None") {
        Expr* expr = constant(Value::none());
        take();
        return expr;
    }
    Expr* expr = add(ExprKind::kName);
    expr->name = program_.intern(text);
    take();
    if (with_namespace && skip_if(Tok::kDot)) {
        expr->kind = ExprKind::kNamespaceRef;
        expr->owner = expr->name;
        expr->name = program_.intern(expect(Tok::kName).text);
        return expr;
    }
    for (Stmt* loop : open_loops_) loop->uses_loop |= text == "loop";
    for (MacroDef* macro : open_macros_) {
        macro->uses_caller |= text == "caller";
        macro->uses_kwargs |= text == "kwargs";
        macro->uses_varargs |= text == "varargs";
    }
    return expr;
}

const Expr* Parser::parse_number() {
    const Token& token = now();
    Expr* expr = nullptr;
    if (token.kind == Tok::kFloat) {
        expr = constant(Value::floating(parse_float(token.text).value_or(0)));
    } else {
        std::optional<BigInt> value;
        try {
            value = parse_integer(token.text, 0);
        } catch (const Failure& failure) {
            fail(failure.message);
        }
        const BigInt number = value.value_or(0);
        const bool small = number <= INT64_MAX;
        expr = constant(small ? Value::integer(static_cast<int64_t>(number))
                              : Value::big(&program_.big_integers.emplace_back(number)));
    }
    take();
    return expr;
}

const Expr* Parser::parse_primary(bool with_namespace) {
    switch (now().kind) {
        case Tok::kName:
            return parse_name(with_namespace);
        case Tok::kString: {
            const uint32_t at_line = line();
            std::string text;
            while (is(Tok::kString)) {
                try {
                    text += unescape_literal(now().text);
                } catch (const SyntaxFailure& failure) {
                    fail(failure.message);
                }
                take();
            }
            Expr* expr = constant(Value::string(program_.constants.add(std::move(text))));
            expr->line = at_line;
            return expr;
        }
        case Tok::kInteger:
        case Tok::kFloat:
            return parse_number();
        case Tok::kLeftParen: {
            take();
            const Expr* inside = parse_tuple(TupleMode::kFull, {}, true);
            expect(Tok::kRightParen);
            return inside;
        }
        case Tok::kLeftBracket:
            return parse_list();
        case Tok::kLeftBrace:
            return parse_dict();
        default:
            fail(fmt::format("unexpected '{}'", shown(now())));
    }
}

const Expr* Parser::parse_list() {
    const Nested nested(*this);
    Expr* list = add(ExprKind::kList);
    expect(Tok::kLeftBracket);
    while (!is(Tok::kRightBracket)) {
        if (!list->parts.empty()) expect(Tok::kComma);
        if (is(Tok::kRightBracket)) break;
        list->parts.push_back(parse_expression());
    }
    expect(Tok::kRightBracket);
    return list;
}

const Expr* Parser::parse_dict() {
    const Nested nested(*this);
    Expr* dict = add(ExprKind::kDict);
    expect(Tok::kLeftBrace);
    while (!is(Tok::kRightBrace)) {
        if (!dict->parts.empty()) expect(Tok::kComma);
        if (is(Tok::kRightBrace)) break;
        dict->parts.push_back(parse_expression());
        expect(Tok::kColon);
        dict->parts.push_back(parse_expression());
    }
    expect(Tok::kRightBrace);
    return dict;
}

// Several expressions with commas between them, or one without any. `end_name` is a word that ends it.
const Expr* Parser::parse_tuple(TupleMode mode, std::string_view end_name, bool parenthesised) {
    const Nested nested(*this);
    std::vector<const Expr*> items;
    bool is_tuple = false;
    const uint32_t at_line = line();
    while (true) {
        if (is(Tok::kPrintEnd) || is(Tok::kBlockEnd) || is(Tok::kRightParen)) break;
        if (!end_name.empty() && is_name(end_name)) break;
        switch (mode) {
            case TupleMode::kFull:
                items.push_back(parse_expression());
                break;
            case TupleMode::kNoCondition:
                items.push_back(parse_or());
                break;
            case TupleMode::kTarget:
                items.push_back(parse_primary());
                break;
            case TupleMode::kNamespaceTarget:
                items.push_back(parse_primary(true));
                break;
        }
        if (!skip_if(Tok::kComma)) break;
        is_tuple = true;
    }
    if (!is_tuple && !items.empty()) return items[0];
    if (!is_tuple && !parenthesised) fail(fmt::format("Expected an expression, got '{}'", shown(now())));
    Expr* tuple = add(ExprKind::kTuple);
    tuple->line = at_line;
    tuple->parts = std::move(items);
    return tuple;
}

void Parser::require_assignable(const Expr* target, const Token& token) const {
    if (target->kind == ExprKind::kTuple) {
        for (const Expr* part : target->parts) require_assignable(part, token);
        return;
    }
    if (target->kind == ExprKind::kNamespaceRef || target->kind == ExprKind::kName) return;
    fail_at(fmt::format("can't assign to '{}'", token.text), token);
}

const Expr* Parser::parse_target(TupleMode mode, std::string_view end_name) {
    const Token token = now();
    const Expr* target = parse_tuple(mode, end_name);
    require_assignable(target, token);
    return target;
}

}  // namespace airframe::jinja
