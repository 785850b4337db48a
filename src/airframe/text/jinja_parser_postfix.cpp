// What follows an expression: attributes, subscripts, calls, filters and tests. See jinja_parser.h.
#include "airframe/text/jinja_parser.h"

namespace airframe::jinja {

const Expr* Parser::parse_postfix(const Expr* node) {
    while (true) {
        if (is(Tok::kDot) || is(Tok::kLeftBracket))
            node = parse_subscript(node);
        else if (is(Tok::kLeftParen))
            node = parse_call(node);
        else
            return node;
    }
}

const Expr* Parser::parse_filters_and_tests(const Expr* node) {
    while (true) {
        if (is(Tok::kPipe))
            node = parse_filter_chain(node, false);
        else if (is_name("is"))
            node = parse_test(node);
        else if (is(Tok::kLeftParen))
            node = parse_call(node);
        else
            return node;
    }
}

const Expr* Parser::parse_subscript(const Expr* node) {
    if (skip_if(Tok::kDot)) {
        if (is(Tok::kName)) {
            Expr* attribute = add(ExprKind::kAttribute, {node});
            attribute->name = program_.intern(take().text);
            return attribute;
        }
        if (!is(Tok::kInteger)) fail("expected name or number");
        return add(ExprKind::kItem, {node, parse_number()});
    }
    const Nested nested(*this);
    expect(Tok::kLeftBracket);
    std::vector<const Expr*> indices;
    while (!is(Tok::kRightBracket)) {
        if (!indices.empty()) expect(Tok::kComma);
        indices.push_back(parse_index());
    }
    expect(Tok::kRightBracket);
    const auto is_open_slice = [](const Expr* index) {
        return index->kind == ExprKind::kSlice && !index->parts[0];
    };
    if (indices.size() == 1 && is_open_slice(indices[0])) {
        Expr* slice = const_cast<Expr*>(indices[0]);
        slice->parts[0] = node;
        return slice;
    }
    if (indices.size() == 1) return add(ExprKind::kItem, {node, indices[0]});
    Expr* tuple = add(ExprKind::kTuple);
    for (const Expr* index : indices) {
        if (is_open_slice(index)) fail("a slice cannot stand among several subscripts");
    }
    tuple->parts = std::move(indices);
    return add(ExprKind::kItem, {node, tuple});
}

// What stands in brackets: an expression, or a slice whose object is filled in by the caller.
const Expr* Parser::parse_index() {
    const Expr* start = is(Tok::kColon) ? nullptr : parse_expression();
    if (!is(Tok::kColon)) return start;
    const auto bound = [&]() -> const Expr* {
        if (!skip_if(Tok::kColon)) return nullptr;
        const bool none = is(Tok::kColon) || is(Tok::kRightBracket) || is(Tok::kComma);
        return none ? nullptr : parse_expression();
    };
    const Expr* stop = bound();
    const Expr* step = bound();
    return add(ExprKind::kSlice, {nullptr, start, stop, step});
}

CallArgs* Parser::parse_call_args() {
    const Nested nested(*this);
    const Token open = expect(Tok::kLeftParen);
    CallArgs& args = program_.calls.emplace_back();
    const auto ensure = [&](bool ok) {
        if (!ok) fail_at("invalid syntax for function call expression", open);
    };
    bool comma = false;
    while (!is(Tok::kRightParen)) {
        if (comma) expect(Tok::kComma);
        if (is(Tok::kRightParen)) break;
        comma = true;
        if (skip_if(Tok::kMul)) {
            ensure(!args.rest && !args.named_rest);
            args.rest = parse_expression();
        } else if (skip_if(Tok::kPow)) {
            ensure(!args.named_rest);
            args.named_rest = parse_expression();
        } else if (is(Tok::kName) && look().kind == Tok::kAssign) {
            ensure(!args.named_rest);
            const std::string_view name = program_.names[program_.intern(take().text)].text;
            take();
            args.named.push_back({name, parse_expression()});
        } else {
            ensure(!args.rest && !args.named_rest && args.named.empty());
            args.positional.push_back(parse_expression());
        }
    }
    expect(Tok::kRightParen);
    return &args;
}

const Expr* Parser::parse_call(const Expr* callee) {
    Expr* call = add(ExprKind::kCall, {callee});
    call->call = parse_call_args();
    return call;
}

std::string_view Parser::dotted_name() {
    std::string name(expect(Tok::kName).text);
    while (skip_if(Tok::kDot)) {
        name += '.';
        name += expect(Tok::kName).text;
    }
    return keep(name);
}

const Expr* Parser::parse_filter_chain(const Expr* operand, bool start_inline) {
    if (start_inline) operand = parse_filter(operand);
    while (skip_if(Tok::kPipe)) operand = parse_filter(operand);
    return operand;
}

const Expr* Parser::parse_filter(const Expr* operand) {
    const Token token = now();
    Expr* filter = add(ExprKind::kFilter, {operand});
    filter->text = dotted_name();
    filter->native = find_filter(filter->text);
    if (!filter->native && !soft_)
        unknown_.push_back({fmt::format("No filter named '{}'.", filter->text), token.offset});
    if (is(Tok::kLeftParen)) filter->call = parse_call_args();
    return filter;
}

const Expr* Parser::parse_test(const Expr* operand) {
    take();
    const bool negated = skip_name("not");
    const Token token = now();
    Expr* test = add(ExprKind::kTest, {operand});
    test->text = dotted_name();
    test->native = find_test(test->text);
    if (!test->native && !soft_)
        unknown_.push_back({fmt::format("No test named '{}'.", test->text), token.offset});
    const bool word = is(Tok::kName) && !is_name("else") && !is_name("or") && !is_name("and");
    if (is(Tok::kLeftParen)) {
        test->call = parse_call_args();
    } else if (word || is(Tok::kString) || is(Tok::kInteger) || is(Tok::kFloat) || is(Tok::kLeftBracket) ||
               is(Tok::kLeftBrace)) {
        if (is_name("is")) fail("You cannot chain multiple tests with is");
        CallArgs& args = program_.calls.emplace_back();
        args.positional.push_back(parse_postfix(parse_primary()));
        test->call = &args;
    }
    return negated ? add(ExprKind::kNot, {test}) : test;
}

}  // namespace airframe::jinja
