// shimmy generate: one answer, streamed to standard output as it comes. The same path as the server's,
// without the wire.

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <semaphore>

#include "base/log.h"
#include "base/system.h"
#include "shimmy/app/command.h"
#include "shimmy/app/interrupt.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/model_loader.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"
#include "shimmy/service/service.h"

namespace shimmy {
namespace json = boost::json;

using base::ErrorCode;
using base::fail;

namespace {

struct GenerateOptions {
    std::string model, prompt, system, chat_template;
    SamplingOverrides sampling;
    int32_t max_tokens = -1;
    std::vector<std::string> stop;
    std::string json_schema, grammar, regex;  // at most one of them
    bool raw = false;
    bool as_json = false;
    bool verbose = false;
};

// What came out, whole.
struct Answer {
    std::string text;
    airframe::FinishReason reason = airframe::FinishReason::kStop;
    Totals totals;
};

std::string_view name_of(airframe::FinishReason reason) {
    return reason == airframe::FinishReason::kLength ? "length" : "stop";
}

base::Result<std::string> prompt_of(const GenerateOptions& options, bool given) {
    if (given) return options.prompt;
    if (base::is_terminal(0))
        return fail(ErrorCode::kInvalidArgument,
                    "what should it answer? Give --prompt TEXT, or the text on standard input");
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

base::Result<std::string> read_text_file(const std::string& path, const std::string& option) {
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file && text.empty())
        return fail(ErrorCode::kNotFound, "{}: the file {} cannot be read", option, path);
    return text;
}

base::Result<std::optional<Constraint>> constraint_of(const GenerateOptions& options) {
    using Kind = Constraint::Kind;
    if (!options.regex.empty())
        return Constraint{.kind = Kind::kRegex, .text = options.regex, .param = "--regex"};
    if (!options.grammar.empty()) {
        TRY(std::string text, read_text_file(options.grammar, "--grammar"));
        return Constraint{.kind = Kind::kGbnf, .text = std::move(text), .param = "--grammar"};
    }
    if (options.json_schema.empty()) return std::nullopt;
    std::string text = options.json_schema;
    if (text.find_first_of("{}") == std::string::npos) {
        TRY(text, read_text_file(text, "--json-schema"));
    }
    return Constraint{.kind = Kind::kJsonSchema, .text = std::move(text), .param = "--json-schema"};
}

base::Result<GenerateRequest> make_request(const GenerateOptions& options, const ModelEntry& entry,
                                           std::string prompt) {
    GenerateRequest request{.model = entry.id,
                            .sampling = options.sampling,
                            .stop = options.stop,
                            .max_tokens = options.max_tokens};
    TRY(request.constraint, constraint_of(options));
    const bool can_chat = entry.facts().has_chat_template || !options.chat_template.empty();
    if (options.raw || !can_chat) {
        if (!options.system.empty())
            return fail(ErrorCode::kInvalidArgument, "--system needs a chat template, {}",
                        options.raw ? "which --no-template switches off" : "and this model has none");
        if (!options.raw) base::log_info("{} has no chat template: the prompt goes in as it is", entry.id);
        request.prompts.emplace_back(std::move(prompt));
        return request;
    }
    ChatInput chat;
    chat.split_reasoning = false;  // thoughts are shown as the model writes them
    if (!options.system.empty())
        chat.messages.push_back(json::object{{"role", "system"}, {"content", options.system}});
    chat.messages.push_back(json::object{{"role", "user"}, {"content", prompt}});
    request.prompts.emplace_back(std::move(chat));
    return request;
}

// Takes the events of one generation as they come, until its end or Ctrl+C.
class Listener {
  public:
    Listener(Service& service, const ModelEntry& entry, bool print)
        : service_(service), entry_(entry), print_(print) {}

    base::Result<Answer> listen(GenerateRequest request) {
        auto generation = service_.generate(std::move(request));
        generation->on_ready([this] { wake_.release(); });
        ProgressBar bar("loading " + entry_.id, entry_.bytes);
        while (!done_) {
            if (interrupted()) return fail(ErrorCode::kCancelled, "interrupted");
            while (auto event = generation->try_next()) std::visit([this](auto& e) { take(e); }, *event);
            if (done_) break;
            if (!started_) bar.update(service_.registry().status().loading_progress);
            (void)wake_.try_acquire_for(std::chrono::milliseconds(50));
        }
        if (fault_) return std::unexpected(*std::move(fault_));
        return std::move(answer_);
    }

  private:
    void take(Started&) { started_ = true; }
    void take(TextDelta& delta) {
        started_ = true;
        answer_.text += delta.text;
        if (!print_) return;
        std::fwrite(delta.text.data(), 1, delta.text.size(), stdout);
        std::fflush(stdout);
    }
    void take(ToolCallDelta&) {}  // no tools are given here
    void take(ChoiceEnd& end) { answer_.reason = end.reason; }
    void take(GenerationEnd& end) {
        answer_.totals = end.totals;
        done_ = true;
    }
    void take(GenerationFault& fault) {
        fault_ = std::move(fault.error);
        done_ = true;
    }

    Service& service_;
    const ModelEntry& entry_;
    const bool print_;
    std::counting_semaphore<> wake_{0};
    Answer answer_;
    std::optional<base::Error> fault_;
    bool started_ = false, done_ = false;
};

void print_statistics(const Answer& answer) {
    const airframe::Usage& usage = answer.totals.usage;
    const airframe::Timings& timings = answer.totals.timings;
    const auto rate = [](int32_t tokens, double seconds) { return seconds > 0 ? tokens / seconds : 0.0; };
    fmt::print(
        stderr,
        "prompt: {} tokens in {:.2f} s ({:.1f} tokens/s); answer: {} tokens in {:.2f} s ({:.1f} tokens/s); "
        "ended by {}\n",
        usage.prompt_tokens, timings.prefill_s,
        rate(usage.prompt_tokens - usage.cached_tokens, timings.prefill_s), usage.completion_tokens,
        timings.decode_s, rate(usage.completion_tokens, timings.decode_s), name_of(answer.reason));
}

json::object to_json(const Answer& answer, const ModelEntry& entry) {
    const airframe::Usage& usage = answer.totals.usage;
    const airframe::Timings& timings = answer.totals.timings;
    return {{"model", entry.id},
            {"text", answer.text},
            {"finish_reason", name_of(answer.reason)},
            {"usage", json::object{{"prompt_tokens", usage.prompt_tokens},
                                   {"completion_tokens", usage.completion_tokens}}},
            {"timings", json::object{{"prefill_s", timings.prefill_s}, {"decode_s", timings.decode_s}}}};
}

base::Result<int> generate(const GenerateOptions& options, bool prompt_given, const GlobalOptions& global) {
    if (!options.verbose && !base::env("SHIMMY_LOG_LEVEL")) base::set_log_level("warn");
    TRY(std::string prompt, prompt_of(options, prompt_given));
    TRY(const ModelEntry entry, resolve_model(options.model, global));
    TRY(GenerateRequest request, make_request(options, entry, std::move(prompt)));
    Catalog catalog(std::vector<ModelEntry>{entry});
    Service service(catalog, make_model_loader(global, options.chat_template), {.workers = 1});
    catch_interrupts();
    const bool print = !options.as_json;
    const auto answer = Listener(service, entry, print).listen(std::move(request));
    // On a terminal the prompt of the shell belongs on a line of its own; a file or a pipe gets the text
    // alone.
    if (print && base::is_terminal(1)) fmt::print("\n");
    if (!answer && answer.error().code == ErrorCode::kCancelled) return kExitInterrupted;
    if (!answer) return std::unexpected(answer.error());
    if (options.as_json) print_json(to_json(*answer, entry));
    if (options.verbose) print_statistics(*answer);
    return kExitOk;
}

void add_sampling_options(CLI::App& command, GenerateOptions& options) {
    SamplingOverrides& sampling = options.sampling;
    command
        .add_option("-t,--temperature", sampling.temperature,
                    "0: always the likeliest token; higher: more variety")
        ->check(CLI::Range(0.0, 2.0));
    command.add_option("--top-k", sampling.top_k, "Draw among this many likeliest tokens; 0: all")
        ->check(CLI::Range(0, 1 << 20));
    command
        .add_option("--top-p", sampling.top_p,
                    "Draw among the likeliest tokens that make up this share; 1: all")
        ->check(CLI::Range(0.0, 1.0));
    command.add_option("--min-p", sampling.min_p, "Drop tokens below this share of the likeliest; 0: none")
        ->check(CLI::Range(0.0, 1.0));
    command.add_option("--repeat-penalty", sampling.repeat_penalty, "Make recent tokens less likely; 1: no")
        ->check(CLI::Range(0.0, 10.0));
    command.add_option("--seed", sampling.seed,
                       "The same seed gives the same answer; without one each differs");
}

void add_form_options(CLI::App& command, GenerateOptions& options) {
    CLI::Option* schema =
        command.add_option("--json-schema", options.json_schema,
                           "The answer is JSON that this JSON Schema allows: a file, or the "
                           "schema itself");
    CLI::Option* grammar = command.add_option("--grammar", options.grammar,
                                              "The answer is a text of the GBNF grammar in this file");
    CLI::Option* regex = command.add_option(
        "--regex", options.regex, "The answer is a text that this regular expression matches as a whole");
    schema->excludes(grammar)->excludes(regex);
    grammar->excludes(regex);
}

}  // namespace

void add_generate(CommandLine line) {
    auto options = std::make_shared<GenerateOptions>();
    CLI::App* command = line.app.add_subcommand("generate", "Answer one prompt, streamed to standard output");
    command->fallthrough();
    add_model_argument(*command, options->model);
    const CLI::Option* prompt = command->add_option("-p,--prompt", options->prompt,
                                                    "The question; without this option, standard input");
    command->add_option("-s,--system", options->system, "Instructions that come before the question");
    command
        ->add_option("-n,--max-tokens", options->max_tokens,
                     "Stop after this many tokens; -1: when the context is full")
        ->check(CLI::Range(-1, 1 << 24))
        ->capture_default_str();
    add_sampling_options(*command, *options);
    command->add_option("--stop", options->stop, "End before this text; may be given several times");
    add_form_options(*command, *options);
    add_chat_template_option(*command, options->chat_template);
    command->add_flag("--no-template", options->raw,
                      "The prompt as it is, without the model's chat template");
    command->add_flag("--json", options->as_json, "The whole answer at the end, as JSON");
    command->add_flag("-v,--verbose", options->verbose, "Speed and token counts on standard error");
    command->footer(
        "Only the answer goes to standard output. Ctrl+C stops it.\n\n"
        "Examples:\n"
        "  shimmy generate shimmy-guide --prompt \"How do I load my own model?\"\n"
        "  shimmy generate model.gguf --prompt \"Once upon a time\" --no-template --temperature 0 "
        "--max-tokens 64\n"
        "  shimmy generate MODEL --prompt \"A person, as JSON\" --json-schema person.json\n"
        "  git diff | shimmy generate MODEL --system \"Write a commit message for this diff.\"");
    command->callback([options, prompt, &line_run = line.run, &global = line.global] {
        line_run = [options, given = prompt->count() > 0, &global] {
            return generate(*options, given, global);
        };
    });
}

}  // namespace shimmy
