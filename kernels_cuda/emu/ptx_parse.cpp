/* From the text of PTX to the instructions of a kernel. Files are looked through once for the names
 * of kernels; a kernel is read when it is first launched. */
#include <cctype>
#include <cstdlib>
#include <dirent.h>
#include <dlfcn.h>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <unordered_map>

#include "kernels_cuda/emu/ptx.h"

namespace emu
{
namespace ptx
{

namespace
{

constexpr size_t RED_ZONE = 64; /* bytes between shared variables */
constexpr uint8_t PREDICATE = 1;
constexpr size_t LINE = 64; /* of a cache */

using Words = std::vector<std::string>;

std::string trimmed(const std::string &s)
{
    size_t first = s.find_first_not_of(" \t\r"), last = s.find_last_not_of(" \t\r");
    return first == std::string::npos ? "" : s.substr(first, last - first + 1);
}

bool starts(const std::string &s, const char *with)
{
    return s.compare(0, strlen(with), with) == 0;
}

/* On `at`, where no bracket is open. */
Words split(const std::string &s, char at)
{
    Words words;
    std::string word;
    int depth = 0;
    for (char c : s) {
        depth += (c == '{' || c == '[' || c == '(') - (c == '}' || c == ']' || c == ')');
        if (c == at && !depth) {
            words.push_back(trimmed(word));
            word.clear();
        } else {
            word += c;
        }
    }
    if (!trimmed(word).empty()) words.push_back(trimmed(word));
    return words;
}

/* ---- a kernel's text ---- */

struct Text {
    const std::string *path;
    std::shared_ptr<std::vector<std::string>> lines;
    size_t first;                                 /* line of .entry */
    std::shared_ptr<Words> declarations, numbers; /* of the file: shared variables; tables */
};

/* Registers of one width, as declared: "%rd" of 8 bytes. */
struct Register {
    uint8_t width;
    int first, last; /* instructions that name it */
    bool whole;      /* it is written whole at first, and used in one basic block only */
    int place;
};

class Reader
{
  public:
    Reader(Kernel &kernel, const Text &text) : k(kernel), t(text) {}
    void read();

  private:
    Kernel &k;
    const Text &t;
    size_t line = 0;
    int file = 0, source = 0;
    std::map<std::string, uint8_t> prefixes;
    std::unordered_map<std::string, int> numbers; /* of registers */
    std::vector<Register> registers;
    std::map<std::pair<uint64_t, uint8_t>, int> constants;
    std::unordered_map<std::string, int> labels;
    std::vector<std::pair<size_t, std::string>> jumps;
    std::vector<std::string> parameters;
    std::string local_name;

    [[noreturn]] void fail(const std::string &what) const;
    size_t read_head();
    void read_body(size_t at);
    void declare_registers(const std::string &s);
    void declare_shared(const std::string &s);
    void declare_local(const std::string &s);
    const char *table(const std::string &name);
    void statement(std::string s);
    bool call(Instruction &i, const Words &op, const Words &o);
    bool special_form(Instruction &i, const Words &op, const Words &o);
    bool tile_form(Instruction &i, const std::string &name, const Words &o);
    void memory(Instruction &i, const Words &op, const Words &o);
    void move_parts(Instruction &i, const Words &op, const Words &o);
    void address(Instruction &i, const std::string &o);
    int constant(uint64_t value, uint8_t width);
    int number(const std::string &name, uint8_t width);
    int operand(const std::string &o, uint8_t width);
    void to(Instruction &i, const std::string &o, uint8_t width);
    void with(Instruction &i, const std::string &o, uint8_t width);
    uint8_t width_of(const std::string &name) const;
    void settle();
    void note_uses();
    void widen();
    void assign();
    std::vector<int> block_numbers() const;
};

void Reader::fail(const std::string &what) const
{
    throw std::runtime_error(*t.path + ":" + std::to_string(line + 1) + ": " + what);
}

/* ---- declarations ---- */

void Reader::declare_registers(const std::string &s)
{
    std::istringstream in(s);
    std::string reg, type, name;
    in >> reg >> type;
    std::getline(in, name);
    uint8_t width = type == ".pred" ? PREDICATE : strstr(type.c_str(), "64") ? 8 : 4;
    if (type == ".b128") fail("a register of 128 bits");
    for (std::string n : split(name, ',')) {
        n = n.substr(0, n.find('<'));
        auto known = prefixes.find(n);
        if (known != prefixes.end() && known->second != width) fail(n + " is declared twice");
        prefixes[n] = width;
    }
}

size_t bracketed(const std::string &s)
{
    size_t at = s.find('[');
    return at == std::string::npos ? 0 : strtoull(s.c_str() + at + 1, nullptr, 10);
}

std::string name_of(const std::string &s)
{
    std::string name = s.substr(0, s.find('['));
    return name.substr(name.find_last_of(" \t") + 1);
}

size_t type_bytes(const std::string &s)
{
    size_t at = s.find_first_of("0123456789", s.find_last_of('.'));
    return strtoull(s.c_str() + at, nullptr, 10) / 8;
}

/* Noted; it gets its place when an instruction names it. Bytes 0: the dynamic array. */
void Reader::declare_shared(const std::string &s)
{
    std::string type = s.substr(0, s.find_last_of(" \t"));
    size_t n = s.find('[') == std::string::npos ? 1 : bracketed(s);
    k.shared.push_back({ name_of(s), SIZE_MAX, n * type_bytes(type) });
}

void Reader::declare_local(const std::string &s)
{
    if (k.local) fail("a second local array");
    k.local = bracketed(s);
    local_name = name_of(s);
}

/* Numbers of the file: "... .b8 name[2] = {1, 2}"; NULL if there are none of this name. */
const char *Reader::table(const std::string &name)
{
    for (const Table &known : k.tables)
        if (known.name == name) return known.bytes.data();
    for (const std::string &s : *t.numbers) {
        size_t open = s.find('{');
        if (open == std::string::npos || name_of(s) != name) continue;
        if (s.find(".b8 ") > open) fail("a table of other than bytes: " + name);
        std::vector<char> bytes;
        for (const std::string &b : split(s.substr(open + 1, s.rfind('}') - open - 1), ','))
            bytes.push_back((char)strtoul(b.c_str(), nullptr, 10));
        k.tables.push_back({ name, bytes });
        return k.tables.back().bytes.data();
    }
    return nullptr;
}

size_t Reader::read_head()
{
    size_t at = t.first;
    std::string head;
    for (; trimmed((*t.lines)[at]) != "{"; at++) head += (*t.lines)[at];
    size_t open = head.find('('), close = head.find(')');
    for (const std::string &p : split(head.substr(open + 1, close - open - 1), ','))
        parameters.push_back(name_of(p));
    for (const std::string &d : *t.declarations) declare_shared(d);
    return at + 1;
}

/* ---- operands ---- */

uint8_t Reader::width_of(const std::string &name) const
{
    auto found = prefixes.find(name);
    size_t digits = name.find_last_not_of("0123456789");
    if (found == prefixes.end()) found = prefixes.find(name.substr(0, digits + 1));
    if (found == prefixes.end()) fail("register " + name + " is not declared");
    return found->second;
}

bool is_special(const std::string &o)
{
    for (const char *s : { "%tid.", "%ntid.", "%ctaid.", "%nctaid." })
        if (starts(o, s)) return true;
    return o == "%laneid" || o == "%warpid";
}

int Reader::number(const std::string &name, uint8_t width)
{
    auto found = numbers.find(name);
    if (found != numbers.end()) {
        if (registers[(size_t)found->second].width != width) fail(name + " has another width");
        return found->second;
    }
    if (name[0] == '%' && !is_special(name) && width_of(name) != width)
        fail(name + " has another width");
    registers.push_back({ width, INT32_MAX, -1, true, -1 });
    return numbers[name] = (int)registers.size() - 1;
}

int Reader::constant(uint64_t value, uint8_t width)
{
    auto found = constants.find({ value, width });
    if (found != constants.end()) return found->second;
    int place = ~(int)k.constants.size();
    for (int l = 0; l < N_LANES; l++)
        k.constants.insert(k.constants.end(), (uint8_t *)&value, (uint8_t *)&value + width);
    return constants[{ value, width }] = place;
}

int Reader::operand(const std::string &o, uint8_t width)
{
    if (o[0] == '%' || prefixes.count(o)) return number(o, width);
    if (o == "_") return number("_" + std::to_string(width), width);
    if (width == PREDICATE) return constant(o == "0" ? 0 : UINT64_MAX, 4);
    if (starts(o, "0f") || starts(o, "0d"))
        return constant(strtoull(o.c_str() + 2, nullptr, 16), width);
    if (isdigit((unsigned char)o[0]) || o[0] == '-')
        return constant(o[0] == '-' ? (uint64_t)strtoll(o.c_str(), nullptr, 0)
                                    : strtoull(o.c_str(), nullptr, 0),
                        width);
    for (Variable &v : k.shared) {
        if (v.name != o) continue;
        if (!v.bytes) k.dynamic = true;
        if (v.at == SIZE_MAX && v.bytes) {
            v.at = (k.shared_bytes + RED_ZONE + 127) / 128 * 128;
            k.shared_bytes = v.at + v.bytes;
        }
        return constant(v.bytes ? v.at : SHARED_STATIC, width);
    }
    if (o == local_name) return constant(0, width);
    for (size_t p = 0; p < parameters.size(); p++)
        if (parameters[p] == o) return constant((uint64_t)p << PARAMETER_BITS, width);
    if (const char *bytes = table(o)) return constant((uint64_t)bytes, width);
    fail("operand " + o);
}

void Reader::to(Instruction &i, const std::string &o, uint8_t width)
{
    if (i.n_d == sizeof i.d / sizeof *i.d) fail("too many results");
    i.d[i.n_d++] = operand(o, width);
}

void Reader::with(Instruction &i, const std::string &o, uint8_t width)
{
    if (i.n_a == sizeof i.a / sizeof *i.a) fail("too many operands");
    i.a[i.n_a++] = operand(o, width);
}

Words members(const std::string &o)
{
    if (o[0] == '{') return split(o.substr(1, o.size() - 2), ',');
    return { o };
}

/* [base+offset] */
void Reader::address(Instruction &i, const std::string &o)
{
    std::string inner = o.substr(1, o.size() - 2);
    size_t plus = inner.find('+');
    i.offset = plus == std::string::npos ? 0 : strtoll(inner.c_str() + plus + 1, nullptr, 0);
    std::string base = trimmed(inner.substr(0, plus));
    i.wide = base[0] != '%' || width_of(base) == 8;
    with(i, base, i.wide ? 8 : 4);
}

/* ---- instructions ---- */

/* ld and st: words of the name after the first say where, how many and of what type. */
void Reader::memory(Instruction &i, const Words &op, const Words &o)
{
    static const std::map<std::string, Space> spaces = {
        { "global", GLOBAL }, { "shared", SHARED }, { "local", LOCAL }, { "param", PARAM }
    };
    bool loads = op[0] == "ld";
    i.parts = 1;
    for (size_t w = 1; w + 1 < op.size(); w++) {
        auto space = spaces.find(op[w]);
        if (space != spaces.end())
            i.space = space->second;
        else if (op[w] == "v2" || op[w] == "v4")
            i.parts = (uint8_t)(op[w][1] - '0');
        else if (op[w] == "volatile")
            i.waits = true;
        else if (op[w] != "nc")
            fail("a memory access that is ." + op[w]);
    }
    const std::string &type = op.back();
    i.width = (uint8_t)(strtoul(type.c_str() + 1, nullptr, 10) / 8);
    i.sign = type[0] == 's';
    uint8_t kept = i.width == 8 ? 8 : 4;
    if (loads) {
        for (const std::string &d : members(o[0])) {
            i.mode = d[0] == '%' ? width_of(d) : kept; /* may be wider than what is loaded */
            to(i, d, (uint8_t)i.mode);
        }
        address(i, o[1]);
    } else {
        if (i.space == PARAM) fail("a store to a parameter");
        address(i, o[0]);
        for (const std::string &v : members(o[1])) with(i, v, kept);
    }
    if ((loads ? i.n_d : i.n_a - 1) != i.parts) fail("elements of a vector");
    i.step = !loads ? store : i.space == PARAM ? load_parameter : load;
}

uint64_t part_of(uint64_t v, int k, int width)
{
    return v >> (8 * width * k) & (width == 4 ? UINT32_MAX : UINT16_MAX);
}

/* mov.b64 {a, b}, c and mov.b64 c, {a, b}; `width`: bytes of a part. */
void take_apart(Machine &m, const Instruction &i)
{
    uint64_t v[N_LANES];
    const uint8_t *a = m.from(i.a[0]);
    for (int l = 0; l < N_LANES; l++) v[l] = i.wide ? lane<uint64_t>(a, l) : lane<uint32_t>(a, l);
    for (int k = 0; k < i.n_d; k++) {
        uint32_t out[N_LANES];
        for (int l = 0; l < N_LANES; l++) out[l] = (uint32_t)part_of(v[l], k, i.width);
        keep(m.to(i.d[k]), m.mask, out);
    }
}

void put_together(Machine &m, const Instruction &i)
{
    uint64_t out[N_LANES] = {};
    for (int k = 0; k < i.n_a; k++)
        for (int l = 0; l < N_LANES; l++)
            out[l] |= part_of(lane<uint32_t>(m.from(i.a[k]), l), 0, i.width) << (8 * i.width * k);
    if (i.wide) {
        keep(m.to(i.d[0]), m.mask, out);
        return;
    }
    uint32_t narrow[N_LANES];
    for (int l = 0; l < N_LANES; l++) narrow[l] = (uint32_t)out[l];
    keep(m.to(i.d[0]), m.mask, narrow);
}

void Reader::move_parts(Instruction &i, const Words &op, const Words &o)
{
    bool apart = o[0][0] == '{';
    Words parts = members(apart ? o[0] : o[1]);
    int bits = atoi(op[1].c_str() + 1);
    i.wide = bits == 64;
    i.width = (uint8_t)((size_t)bits / 8 / parts.size());
    if (i.width != 4 && i.width != 2) fail("parts of " + std::to_string(i.width) + " bytes");
    for (const std::string &p : parts) apart ? to(i, p, 4) : with(i, p, 4);
    apart ? with(i, o[1], i.wide ? 8 : 4) : to(i, o[0], i.wide ? 8 : 4);
    i.step = apart ? take_apart : put_together;
}

int shuffle_kind(const std::string &mode)
{
    return mode == "idx"    ? SHUFFLE_INDEX
           : mode == "up"   ? SHUFFLE_UP
           : mode == "down" ? SHUFFLE_DOWN
                            : SHUFFLE_XOR;
}

/* The parameters and the result of a call are registers here: st.param and ld.param move numbers,
 * and the function is one of the table. */
bool Reader::call(Instruction &i, const Words &op, const Words &o)
{
    bool stores = op[0] == "st" && op[1] == "param", loads = op[0] == "ld" && op[1] == "param";
    std::string name = op[0];
    if (op[0] == "call") {
        name += " " + o[1];
    } else if (stores || loads) {
        const std::string &at = o[stores ? 0 : 1];
        std::string base = at.substr(1, at.find_first_of("+]") - 1);
        if (prefixes.find(base) == prefixes.end()) return false; /* a parameter of the kernel */
        to(i, stores ? base : o[0], prefixes[base]);
        with(i, stores ? o[1] : base, prefixes[base]);
        i.step = entry("mov." + op[2])->step;
        return true;
    }
    const Entry *e = entry(name);
    if (op[0] != "call" || !e) return false;
    Words given = split(o[2].substr(1, o[2].size() - 2), ',');
    if (given.size() != e->n_a) fail("parameters of " + o[1]);
    to(i, o[0].substr(1, o[0].size() - 2), e->d);
    for (size_t n = 0; n < given.size(); n++) with(i, given[n], e->a[n]);
    i.step = e->step;
    return true;
}

/* For matrix units, and copies past the registers. */
bool Reader::tile_form(Instruction &i, const std::string &name, const Words &o)
{
    static const std::map<std::string, Numbers> products = {
        { "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", NUMBERS_BF16 },
        { "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", NUMBERS_F16 },
        { "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", NUMBERS_TF32 }
    };
    auto product = products.find(name);
    bool turned = name == "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16";
    if (product != products.end()) {
        i.mode = product->second;
        i.step = multiply;
        for (const std::string &d : members(o[0])) to(i, d, 4);
        for (size_t n = 1; n < o.size(); n++)
            for (const std::string &a : members(o[n])) with(i, a, 4);
        if (i.n_d != 4 || i.n_a != 10) fail("fragments of " + name);
    } else if (turned || name == "ldmatrix.sync.aligned.m8n8.x4.shared.b16") {
        i.mode = turned;
        i.step = load_matrices;
        i.space = SHARED;
        i.width = i.parts = 4;
        for (const std::string &d : members(o[0])) to(i, d, 4);
        address(i, o[1]);
        if (i.n_d != 4) fail("matrices of " + name);
    } else if (name == "cp.async.cg.shared.global") {
        i.step = start_copy;
        i.space = SHARED;
        i.width = i.parts = 4;
        address(i, o[1]);
        if (i.offset || !i.wide) fail("the address a copy reads");
        address(i, o[0]);
        if (i.wide || o.size() != 4 || o[2] != "16") fail("a copy of other than 16 bytes");
        with(i, o[3], 4);
    } else if (name == "cp.async.commit_group") {
        i.step = commit_copies;
    } else if (name == "cp.async.wait_group") {
        i.mode = atoi(o[0].c_str());
        i.step = wait_copies;
    } else {
        return false;
    }
    return true;
}

/* What is not of the table of functions. */
bool Reader::special_form(Instruction &i, const Words &op, const Words &o)
{
    std::string whole;
    for (const std::string &w : op) whole += (whole.empty() ? "" : ".") + w;
    if (call(i, op, o)) {
        return true;
    } else if (op[0] == "ld" || op[0] == "st") {
        memory(i, op, o);
    } else if (op[0] == "mov" && (o[0][0] == '{' || o[1][0] == '{')) {
        move_parts(i, op, o);
    } else if (op[0] == "cvta") {
        bool back = op[1] == "to";
        const std::string &space = op[back ? 2 : 1];
        i.space = space == "shared" ? SHARED : space == "local" ? LOCAL : GLOBAL;
        i.mode = back;
        i.step = convert_address;
        to(i, o[0], 8);
        with(i, o[1], 8);
    } else if (op[0] == "bra") {
        jumps.push_back({ k.code.size(), o[0] });
        i.step = branch;
    } else if (whole == "ret" || whole == "exit") {
        i.step = leave;
    } else if (whole == "bar.sync") {
        if (o.size() > 1) fail("a barrier of some threads");
        with(i, o[0], 4);
        i.step = barrier;
    } else if (whole == "membar.gl" || whole == "fence.acq_rel.gpu") {
        i.step = nothing;
    } else if (whole == "atom.global.add.u32" || whole == "atom.global.inc.u32") {
        i.space = GLOBAL;
        i.width = 4;
        i.parts = 1;
        i.mode = op[2] == "inc" ? ATOMIC_WRAP : ATOMIC_ADD;
        i.step = add_atomic;
        to(i, o[0], 4);
        address(i, o[1]);
        with(i, o[2], 4);
    } else if (tile_form(i, whole, o)) {
        return true;
    } else if (whole == "bar.warp.sync") {
        with(i, o[0], 4);
        i.step = sync_lanes;
    } else if (starts(whole, "shfl.sync.")) {
        Words d = split(o[0], '|');
        i.mode = shuffle_kind(op[2]);
        i.step = shuffle_lanes;
        to(i, d[0], 4);
        if (d.size() > 1) to(i, d[1], PREDICATE);
        for (size_t n = 1; n < o.size(); n++) with(i, o[n], 4);
    } else if (whole == "vote.sync.ballot.b32") {
        i.step = vote;
        to(i, o[0], 4);
        with(i, o[1], PREDICATE);
        with(i, o[2], 4);
    } else {
        return false;
    }
    return true;
}

void Reader::statement(std::string s)
{
    Instruction i = {};
    i.line = (int)line + 1;
    i.source = source;
    i.file = file;
    i.target = -1;
    if (s[0] == '@') {
        size_t end = s.find_first_of(" \t");
        i.guarded = true;
        i.unless = s[1] == '!';
        i.guard = operand(s.substr(i.unless ? 2 : 1, end - (i.unless ? 2 : 1)), PREDICATE);
        s = trimmed(s.substr(end));
    }
    size_t end = s.find_first_of(" \t");
    std::string name = s.substr(0, end);
    Words op = split(name, '.'), o = split(end == std::string::npos ? "" : s.substr(end), ',');
    if (!special_form(i, op, o)) {
        const Entry *e = entry(name);
        if (!e) fail("instruction " + name + ", which the emulation does not know (ptx_math.cpp)");
        if (o.size() != 1u + e->n_a) fail("operands of " + name);
        if (op[0] == "cvt" && e->a[0] == 4 && o[1][0] == '%' && !is_special(o[1]) &&
            width_of(o[1]) == 8) { /* the lower half of a wider register */
            Instruction half = i;
            prefixes["_half"] = 4;
            half.step = entry("cvt.u32.u64")->step;
            to(half, "_half", 4);
            with(half, o[1], 8);
            k.code.push_back(half);
            o[1] = "_half";
        }
        i.step = e->step;
        to(i, o[0], e->d);
        for (size_t n = 0; n < e->n_a; n++) with(i, o[1 + n], e->a[n]);
    }
    k.code.push_back(i);
}

void Reader::read_body(size_t at)
{
    int depth = 1;
    std::string begun; /* a call stands on several lines */
    for (line = at; depth; line++) {
        std::string s = (*t.lines)[line];
        s = trimmed(begun + trimmed(s.substr(0, s.find("//"))));
        begun = starts(s, "call") && s.back() != ';' ? s : "";
        if (!begun.empty()) continue;
        if (starts(s, "{ ")) { /* a block within a line, of one conversion */
            depth++;
            s = trimmed(s.substr(1));
        } else if (s.size() > 2 && s.compare(s.size() - 2, 2, " }") == 0) {
            depth--;
            s = trimmed(s.substr(0, s.size() - 1));
        }
        if (starts(s, ".loc\t")) {
            sscanf(s.c_str() + 4, "%d %d", &file, &source);
        } else if (s == "{" || s == "}") {
            depth += s == "{" ? 1 : -1;
        } else if (!s.empty() && s.back() == ':') {
            labels[s.substr(0, s.size() - 1)] = (int)k.code.size();
        } else {
            for (const std::string &one : split(s, ';')) {
                if (starts(one, ".reg") || starts(one, ".param"))
                    declare_registers(one);
                else if (starts(one, ".shared"))
                    declare_shared(one);
                else if (starts(one, ".local"))
                    declare_local(one);
                else if (starts(one, "."))
                    (void)0; /* .pragma */
                else if (!one.empty())
                    statement(one);
            }
        }
    }
}

/* ---- registers find places ---- */

std::vector<int> Reader::block_numbers() const
{
    std::vector<bool> begins(k.code.size() + 1);
    for (size_t n = 0; n < k.code.size(); n++)
        if (k.code[n].step == branch) {
            begins[n + 1] = true;
            begins[(size_t)k.code[n].target] = true;
        }
    std::vector<int> number(k.code.size());
    for (size_t n = 1; n < k.code.size(); n++) number[n] = number[n - 1] + begins[n];
    return number;
}

/* The instructions from the first to the last that name each register. */
void Reader::note_uses()
{
    std::vector<int> in = block_numbers();
    auto note = [&](int r, int n, bool writes) {
        if (r < 0) return;
        Register &x = registers[(size_t)r];
        if (x.first == INT32_MAX) {
            x.first = n;
            x.whole = writes;
        }
        x.whole &= in[(size_t)x.first] == in[(size_t)n];
        x.last = n;
    };
    for (size_t n = 0; n < k.code.size(); n++) {
        const Instruction &i = k.code[n];
        if (i.guarded) note(i.guard, (int)n, false);
        for (int a = 0; a < i.n_a; a++) note(i.a[a], (int)n, false);
        for (int d = 0; d < i.n_d; d++) note(i.d[d], (int)n, !i.guarded);
    }
    for (const auto &r : numbers)
        if (is_special(r.first)) registers[(size_t)r.second] = { 4, 0, INT32_MAX, true, -1 };
}

/* A register that lives in several basic blocks lives as long as every loop it is part of. */
void Reader::widen()
{
    std::vector<std::pair<int, int>> loops;
    for (size_t n = 0; n < k.code.size(); n++)
        if (k.code[n].step == branch && k.code[n].target <= (int)n)
            loops.push_back({ k.code[n].target, (int)n });
    for (Register &r : registers)
        for (bool again = !r.whole; again;) {
            again = false;
            for (const auto &l : loops) {
                bool part = r.first <= l.second && r.last >= l.first;
                if (!part || (r.first <= l.first && r.last >= l.second)) continue;
                r.first = r.first < l.first ? r.first : l.first;
                r.last = r.last > l.second ? r.last : l.second;
                again = true;
            }
        }
}

/* In the order they come to life, each in the place of one that is dead: a third to a tenth of the
 * memory, and the processor's caches hold it. */
void Reader::assign()
{
    std::multimap<int, Register *> by_first, alive; /* alive: by their last instruction */
    std::map<uint8_t, std::vector<int>> spare;
    for (Register &r : registers)
        if (r.last >= 0) by_first.insert({ r.first, &r });
    for (const auto &one : by_first) {
        Register &r = *one.second;
        while (!alive.empty() && alive.begin()->first < r.first) {
            Register &dead = *alive.begin()->second;
            spare[dead.width].push_back(dead.place);
            alive.erase(alive.begin());
        }
        if (spare[r.width].empty()) {
            r.place = (int)k.registers;
            k.registers += r.width == PREDICATE ? LINE : (size_t)r.width * N_LANES;
        } else {
            r.place = spare[r.width].back();
            spare[r.width].pop_back();
        }
        alive.insert({ r.last, &r });
    }
}

void Reader::settle()
{
    for (const auto &j : jumps) {
        auto label = labels.find(j.second);
        if (label == labels.end()) fail("label " + j.second);
        k.code[j.first].target = label->second;
    }
    note_uses();
    widen();
    assign();
    for (Instruction &i : k.code) {
        if (i.guarded) i.guard = registers[(size_t)i.guard].place;
        for (int d = 0; d < i.n_d; d++) i.d[d] = registers[(size_t)i.d[d]].place;
        for (int a = 0; a < i.n_a; a++)
            if (i.a[a] >= 0) i.a[a] = registers[(size_t)i.a[a]].place;
    }
    for (const auto &r : numbers)
        if (is_special(r.first))
            k.specials.push_back({ r.first, registers[(size_t)r.second].place });
}

void Reader::read()
{
    read_body(read_head());
    Instruction end = {}; /* who runs on behind the last instruction has ended */
    end.step = leave;
    k.code.push_back(end);
    if (k.dynamic) /* behind all variables of fixed size, which are at most so many */
        for (Variable &v : k.shared)
            if (!v.bytes) v.at = SHARED_STATIC;
    settle();
}

/* ---- files ---- */

using Index = std::unordered_map<std::string, Text>;

void look_through(Index &index, const std::string &path)
{
    auto *kept = new std::string(path);
    auto lines = std::make_shared<std::vector<std::string>>();
    auto declarations = std::make_shared<Words>(), numbers = std::make_shared<Words>();
    std::ifstream in(path);
    int depth = 0;
    for (std::string s; std::getline(in, s); lines->push_back(s)) {
        depth += s == "{" ? 1 : s == "}" ? -1 : 0;
        if (depth) continue;
        size_t entry_at = s.find(".entry ");
        if (entry_at != std::string::npos && s[0] == '.') {
            std::string name = s.substr(entry_at + 7, s.find('(') - entry_at - 7);
            if (index.count(name)) error("two kernels %s, in %s too", name.c_str(), path.c_str());
            index[trimmed(name)] = { kept, lines, lines->size(), declarations, numbers };
        } else if (starts(s, ".shared") || starts(s, ".extern .shared")) {
            declarations->push_back(s.substr(0, s.find(';')));
        } else if (starts(s, ".global") || starts(s, ".const")) {
            numbers->push_back(s);
        }
    }
}

/* Beside this library, in "ptx". */
Index make_index()
{
    Index index;
    Dl_info own;
    dladdr((void *)&look_through, &own);
    std::string folder = own.dli_fname;
    folder = folder.substr(0, folder.rfind('/') + 1) + "ptx/";
    if (DIR *d = opendir(folder.c_str())) {
        while (dirent *e = readdir(d)) {
            std::string name = e->d_name;
            if (name.size() > 4 && name.substr(name.size() - 4) == ".ptx")
                look_through(index, folder + name);
        }
        closedir(d);
    }
    return index;
}

const Index &texts()
{
    static const Index &index = *new Index(make_index());
    return index;
}

} // namespace

Kernel *find(const char *name)
{
    static auto &known = *new std::unordered_map<std::string, std::unique_ptr<Kernel>>;
    auto found = known.find(name);
    if (found != known.end()) return found->second.get();
    auto text = texts().find(name);
    std::unique_ptr<Kernel> k(new Kernel());
    k->name = name;
    try {
        if (text == texts().end()) throw std::runtime_error(std::string("no PTX of ") + name);
        k->path = *text->second.path;
        Reader(*k, text->second).read();
    } catch (const std::runtime_error &e) {
        error("%s", e.what());
        k.reset();
    }
    if (k) traffic_of(k.get());
    return (known[name] = std::move(k)).get();
}

std::string source_of(const Kernel &k, const Instruction &i)
{
    std::string tag = ".file\t" + std::to_string(i.file) + " \"", path;
    for (const std::string &s : *texts().at(k.name).lines)
        if (trimmed(s).compare(0, tag.size(), tag) == 0)
            path = s.substr(s.rfind('/') + 1, s.rfind('"') - s.rfind('/') - 1);
    return path + ":" + std::to_string(i.source) + " (line " + std::to_string(i.line) + " of " +
           k.path.substr(k.path.rfind('/') + 1) + ")";
}

} // namespace ptx
} // namespace emu
