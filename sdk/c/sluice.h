/* For writing plugins of the Sluice gateway in C (ABI sluice/1, sdk/ABI.md). One header, no library.
 *
 * In one file of the plugin:
 *
 *     #define SLUICE_IMPLEMENTATION
 *     #include "sluice.h"
 *
 *     static const char *mask(const sluice_batch *batch, sluice_edits *found) { ... return SLUICE_OK; }
 *
 *     const sluice_plugin sluice_this = {
 *         .name = "words", .version = "1.0.0", .kinds = (const char *const[]){"word", 0}, .mask = mask,
 *     };
 *
 * and, with clang and lld,
 *
 *     clang --target=wasm32 -O2 -mbulk-memory -ffreestanding -nostdlib -Wl,--no-entry -o words.wasm words.c
 *
 * The gateway gives a plugin no clock, no randomness, no files, no network and no environment, and ends a call that
 * works for more than about a millisecond. The same input must give the same output: keep nothing from one call to the
 * next but what configure made of the settings. What is passed to a function is valid until it returns.
 *
 * Functions return SLUICE_OK or the text of an error, which must stay valid; the call, and the command with it, fails.
 * A place outside a batch traps, which does the same. */
#ifndef SLUICE_H
#define SLUICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_OK ((const char *)0)

/* For a function of what a loop rarely needs: a loop pays fuel for all that is in it, whether a turn gets there or not, and
 * for a function only when it is called. */
#define SLUICE_APART __attribute__((noinline))

/* Bytes that lie where the gateway wrote them. data 0: NULL, or not there. */
typedef struct {
	const uint8_t *data;
	uint32_t size;
} sluice_bytes;

/* The same bytes as those of a C string. */
bool sluice_equal(sluice_bytes b, const char *text);

/* ---- JSON: settings, facts and decisions, read where they lie ---- */

/* A piece of valid JSON; what is not there, or of another type, is empty, 0 or false. */
typedef sluice_bytes sluice_json;

/* A member of an object. */
sluice_json sluice_get(sluice_json object, const char *name);

/* Members of an object or elements of an array (whose keys are empty), one a call, until it returns false:
 *     for (sluice_json rest = list, key, value; sluice_next(&rest, &key, &value);) ... */
bool sluice_next(sluice_json *rest, sluice_json *key, sluice_json *value);

/* The value is this string; an array has this string. */
bool sluice_is(sluice_json value, const char *text);
bool sluice_has(sluice_json array, const char *text);

/* The value is true; a whole number, 0 for anything else. */
bool sluice_true(sluice_json value);
int64_t sluice_int(sluice_json value);

/* Copies a string, its escapes undone, and returns its length; -1 if it is no string or has more than room bytes. */
int32_t sluice_text(sluice_json value, void *out, uint32_t room);

/* ---- masks ---- */

/* Cells to look at. */
typedef struct {
	sluice_bytes input;
	uint32_t columns, cells;
	uint32_t first_cell; /* its offset */
	bool window;         /* the one cell is a part of a longer value */
} sluice_batch;

/* One value: any bytes; value.data is 0 for NULL, and only then. */
typedef struct {
	uint32_t column;
	sluice_bytes value;
} sluice_cell;

/* One column. Name, table and type are as the protocol names them; each may be empty. */
typedef struct {
	sluice_bytes name, table, type;
	bool binary; /* values are in the protocol's binary format */
} sluice_column;

/* Cell and column i. */
sluice_cell sluice_cell_at(const sluice_batch *batch, uint32_t i);
sluice_column sluice_column_at(const sluice_batch *batch, uint32_t i);

typedef struct sluice_edits sluice_edits;

/* Says that bytes from ≤ i < to of a cell are of a kind, an index into the manifest's kinds. What happens to them is the
 * operator's choice. Findings are added in order: by cell, then by place, and they do not overlap. */
void sluice_add(sluice_edits *found, uint32_t cell, uint32_t from, uint32_t to, uint32_t kind);

/* sluice_add with a replacement of the plugin's own; an empty one takes the bytes away. */
void sluice_replace(sluice_edits *found, uint32_t cell, uint32_t from, uint32_t to, uint32_t kind, const void *with,
                    uint32_t size);

/* ---- commands ---- */

/* A command to classify. */
typedef struct {
	sluice_bytes input;
	sluice_bytes protocol; /* postgres, redis, ssh, … */
	sluice_bytes text;     /* as the client sent it: any bytes */
	sluice_json facts;     /* what the gateway's parser knows */
	sluice_json decision;  /* what was decided so far; only trigger sees it */
} sluice_command;

/* A bound value; value.data is 0 for NULL, and only then. */
typedef struct {
	sluice_bytes value;
	bool binary; /* in the protocol's binary format */
} sluice_param;

/* The principal's groups, or the bound values, one a call, until it returns false. *at begins as 0. */
bool sluice_next_group(const sluice_command *command, uint32_t *at, sluice_bytes *group);
bool sluice_next_param(const sluice_command *command, uint32_t *at, sluice_param *param);

typedef struct sluice_classification sluice_classification;

/* A label is [a-z0-9][a-z0-9-_.:]*. A risk, 0 to 100, raises the risk to it. A reason is one line of at most 512 bytes
 * and must not quote data: it is kept and shown. A span marks sensitive bytes of the text, or of bound value i. */
void sluice_label(sluice_classification *is, const char *name);
void sluice_risk(sluice_classification *is, uint32_t risk);
void sluice_reason(sluice_classification *is, const char *text);
void sluice_span(sluice_classification *is, uint32_t from, uint32_t to, const char *kind);
void sluice_param_span(sluice_classification *is, uint32_t i, uint32_t from, uint32_t to, const char *kind);

/* Asks that somebody approves; approval, the name of an approval block, is 0 if nobody has to. */
typedef struct {
	const char *approval;
	const char *reason; /* may be 0 */
} sluice_hold;

/* ---- the plugin ---- */

typedef struct {
	const char *name; /* [a-z0-9][a-z0-9-_.:]* */
	const char *version;
	const char *description;         /* may be 0, as all that follows */
	const char *const *capabilities; /* what the operator has to grant, up to a 0: "pseudonym", "log" */
	const char *const *kinds;        /* what findings are of, up to a 0 */
	uint32_t reach;                  /* the length in bytes of the longest finding; 0 means 1,024 */
	uint32_t least;                  /* a shorter bound value comes as empty */
	const char *settings;            /* the JSON Schema of the settings; 0: there are none */
	const char *vectors;             /* self-tests, which the gateway runs first (sdk/ABI.md 9) */

	/* What is 0 is not provided. The settings are valid by the schema; what is kept of them has to be copied. An error
	 * of configure may begin with the place: “/detectors/1: text”. */
	const char *(*configure)(sluice_json settings);
	const char *(*mask)(const sluice_batch *batch, sluice_edits *found);
	const char *(*classify)(const sluice_command *command, sluice_classification *is);
	const char *(*trigger)(const sluice_command *command, sluice_hold *hold);
} sluice_plugin;

/* The one plugin of the module, which its author defines. */
extern const sluice_plugin sluice_this;

/* ---- what the gateway offers ---- */

#define SLUICE_MAX_PSEUDONYM 512
enum { SLUICE_DEBUG, SLUICE_INFO, SLUICE_WARN, SLUICE_ERROR };

/* One line, at most 8 a call, of 1 KiB each. While data is looked at it needs the capability "log". */
void sluice_log(int32_t level, const char *text);

/* Writes a keyed stand-in for a value to out, always the same for the same value and kind within the scope that the
 * operator chose, and returns its length; -1 if the kind has more than 64 bytes. Needs the capability "pseudonym". */
int32_t sluice_pseudonym(const char *kind, sluice_bytes value, uint8_t out[SLUICE_MAX_PSEUDONYM]);

/* Makes a file a C string, for vectors, without a build step: SLUICE_FILE(vectors, "vectors.txt"); at the top of a file,
 * then .vectors = vectors. The path is looked for in the compiler's -I folders and the current one. */
#ifdef __wasm__
#define SLUICE_SECTION(name) ".section .rodata." name ",\"\",@\n"
#else
#define SLUICE_SECTION(name) ".section .rodata." name ",\"a\"\n"
#endif
#define SLUICE_FILE(variable, path)                                                                                   \
	__asm__(SLUICE_SECTION(#variable) ".globl sluice_file_" #variable "\nsluice_file_" #variable ":\n"                 \
	        ".incbin \"" path "\"\n.byte 0\n.size sluice_file_" #variable ", . - sluice_file_" #variable "\n.text\n"); \
	extern const char variable[] __asm__("sluice_file_" #variable)

#ifdef __cplusplus
}
#endif
#endif /* SLUICE_H */

#if defined(SLUICE_IMPLEMENTATION) && !defined(SLUICE_IMPLEMENTED)
#define SLUICE_IMPLEMENTED

/* ---- memory: a few buffers that grow and are never given back ---- */

typedef struct {
	uint8_t *data;
	uint32_t size, room;
} sluice_buffer;

#ifdef __wasm__
/* From WebAssembly itself, in pages, so that no allocator is needed: behind what there is, or right behind the buffer
 * that grows if that ends the memory. Where there is none left the call traps, and is refused. */
SLUICE_APART static void sluice_grow(sluice_buffer *b, uint32_t want) {
	uint32_t end = (uint32_t)__builtin_wasm_memory_size(0) << 16;
	bool in_place = b->room > 0 && (uint32_t)(uintptr_t)b->data + b->room == end;
	uint32_t more = in_place ? want - b->room : want;
	uint32_t pages = more / 65536 + 1;
	if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) __builtin_trap();
	if (in_place) {
		b->room += pages << 16;
		return;
	}
	uint8_t *data = (uint8_t *)(uintptr_t)end;
	for (uint32_t i = 0; i < b->size; i++) data[i] = b->data[i];
	b->data = data;
	b->room = pages << 16;
}
#else
#include <stdlib.h>
SLUICE_APART static void sluice_grow(sluice_buffer *b, uint32_t want) {
	b->data = (uint8_t *)realloc(b->data, want);
	if (!b->data) __builtin_trap();
	b->room = want;
}
#endif

static void sluice_resize(sluice_buffer *b, uint32_t size) {
	if (size > b->room) {
		uint32_t want = b->room > 1u << 30 ? size : 2 * b->room;
		sluice_grow(b, want > size ? want : size);
	}
	b->size = size;
}

static void sluice_put(sluice_buffer *b, const void *bytes, uint32_t size) {
	uint32_t at = b->size;
	if (size > UINT32_MAX - at) __builtin_trap();
	sluice_resize(b, at + size);
	if (size > 0) __builtin_memcpy(b->data + at, bytes, size);
}

static uint32_t sluice_u32(const uint8_t *at) {
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void sluice_set_u32(uint8_t *at, uint32_t v) {
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
	at[2] = (uint8_t)(v >> 16);
	at[3] = (uint8_t)(v >> 24);
}

static void sluice_put_u32(sluice_buffer *b, uint32_t v) {
	uint8_t bytes[4];
	sluice_set_u32(bytes, v);
	sluice_put(b, bytes, 4);
}

static uint32_t sluice_length(const char *text) {
	uint32_t n = 0;
	while (text && text[n]) n++;
	return n;
}

static void sluice_put_text(sluice_buffer *b, const char *text) { sluice_put(b, text, sluice_length(text)); }

static void sluice_put_field(sluice_buffer *b, uint32_t tag, const char *text) {
	uint32_t n = sluice_length(text);
	sluice_put_u32(b, tag);
	sluice_put_u32(b, n);
	sluice_put(b, text, n);
}

static sluice_bytes sluice_slice(sluice_bytes b, uint32_t from, uint32_t size) {
	if (from > b.size || size > b.size - from) __builtin_trap();
	sluice_bytes s = {b.data + from, size};
	return s;
}

bool sluice_equal(sluice_bytes b, const char *text) {
	uint32_t i = 0;
	for (; i < b.size && text[i]; i++)
		if (b.data[i] != (uint8_t)text[i]) return false;
	return i == b.size && !text[i];
}

/* ---- JSON ---- */

static bool sluice_space(uint8_t c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

static void sluice_cut(sluice_json *v, uint32_t n) {
	v->data += n;
	v->size -= n;
}

static void sluice_trim(sluice_json *v) {
	while (v->size > 0 && sluice_space(v->data[0])) sluice_cut(v, 1);
	while (v->size > 0 && sluice_space(v->data[v->size - 1])) v->size--;
}

/* How long the first value is. */
static uint32_t sluice_first(sluice_json v) {
	uint32_t depth = 0;
	for (uint32_t i = 0; i < v.size; i++) {
		uint8_t c = v.data[i];
		if (c == '"') {
			for (i++; i < v.size && v.data[i] != '"'; i++)
				if (v.data[i] == '\\') i++;
			if (depth == 0) return i < v.size ? i + 1 : v.size;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth == 0) return i;
			if (--depth == 0) return i + 1;
		} else if (depth == 0 && (c == ',' || c == ':' || sluice_space(c))) {
			return i;
		}
	}
	return v.size;
}

static sluice_json sluice_take(sluice_json *rest) {
	sluice_trim(rest);
	sluice_json first = {rest->data, sluice_first(*rest)};
	sluice_cut(rest, first.size);
	return first;
}

static void sluice_pass(sluice_json *rest, uint8_t c) {
	sluice_trim(rest);
	if (rest->size > 0 && rest->data[0] == c) sluice_cut(rest, 1);
}

bool sluice_next(sluice_json *rest, sluice_json *key, sluice_json *value) {
	/* The first call sees the bracket. A later one sees a comma, and of an object's elements no bracket is first. */
	const sluice_json none = {0, 0};
	sluice_trim(rest);
	*key = none;
	*value = none;
	if (rest->size == 0) return false;
	uint8_t c = rest->data[0], last = rest->data[rest->size - 1];
	if (c != ',' && c != '{' && c != '[') return false;
	sluice_cut(rest, 1);
	uint32_t before = rest->size;
	if (last == '}') {
		*key = sluice_take(rest);
		sluice_pass(rest, ':');
	}
	*value = sluice_take(rest);
	sluice_trim(rest);
	return value->size > 0 && rest->size < before;
}

/* Undoes the escapes of a string, one character a call: 1 to 4 bytes, 0 at the end. *at is behind the quote at first. */
static uint32_t sluice_hex(sluice_json v, uint32_t at) {
	uint32_t n = 0;
	for (uint32_t i = at; i < at + 4; i++) {
		uint8_t c = i + 1 < v.size ? v.data[i] : 0;
		if (c >= '0' && c <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else if (c >= 'A' && c <= 'F')
			c -= 'A' - 10;
		else
			return 0xfffd;
		n = n << 4 | c;
	}
	return n;
}

static uint32_t sluice_utf8(uint32_t n, uint8_t out[4]) {
	if (n >= 0xd800 && n < 0xe000) n = 0xfffd;
	if (n < 0x80) {
		out[0] = (uint8_t)n;
		return 1;
	}
	uint32_t size = n < 0x800 ? 2 : n < 0x10000 ? 3 : 4;
	for (uint32_t i = size - 1; i > 0; i--, n >>= 6) out[i] = (uint8_t)(0x80 | (n & 0x3f));
	out[0] = (uint8_t)((0xf00 >> size) | n);
	return size;
}

static uint32_t sluice_character(sluice_json v, uint32_t *at, uint8_t out[4]) {
	if (*at + 1 >= v.size) return 0;
	uint8_t c = v.data[(*at)++];
	if (c == '\\' && *at + 1 < v.size) {
		c = v.data[(*at)++];
		switch (c) {
		case 'n': c = '\n'; break;
		case 't': c = '\t'; break;
		case 'r': c = '\r'; break;
		case 'b': c = '\b'; break;
		case 'f': c = '\f'; break;
		case 'u': {
			uint32_t n = sluice_hex(v, *at), low;
			*at += 4;
			if (n >= 0xd800 && n < 0xdc00 && *at + 6 < v.size && v.data[*at] == '\\' && v.data[*at + 1] == 'u' &&
			    (low = sluice_hex(v, *at + 2)) >= 0xdc00 && low < 0xe000) {
				n = 0x10000 + ((n - 0xd800) << 10) + (low - 0xdc00);
				*at += 6;
			}
			return sluice_utf8(n, out);
		}
		}
	}
	out[0] = c;
	return 1;
}

static bool sluice_is_string(sluice_json v) { return v.size >= 2 && v.data[0] == '"'; }

bool sluice_is(sluice_json v, const char *text) {
	if (!sluice_is_string(v)) return false;
	uint8_t c[4];
	uint32_t at = 1, n;
	while ((n = sluice_character(v, &at, c)) > 0)
		for (uint32_t i = 0; i < n; i++, text++)
			if (!*text || (uint8_t)*text != c[i]) return false;
	return !*text;
}

int32_t sluice_text(sluice_json v, void *out, uint32_t room) {
	if (!sluice_is_string(v)) return -1;
	uint8_t c[4];
	uint32_t at = 1, n, size = 0;
	while ((n = sluice_character(v, &at, c)) > 0)
		for (uint32_t i = 0; i < n; i++) {
			if (size == room) return -1;
			((uint8_t *)out)[size++] = c[i];
		}
	return (int32_t)size;
}

sluice_json sluice_get(sluice_json object, const char *name) {
	const sluice_json none = {0, 0};
	sluice_json rest = object, key, value;
	if (rest.size == 0 || rest.data[0] != '{') return none;
	while (sluice_next(&rest, &key, &value))
		if (sluice_is(key, name)) return value;
	return none;
}

bool sluice_has(sluice_json array, const char *text) {
	sluice_json rest = array, key, value;
	if (rest.size == 0 || rest.data[0] != '[') return false;
	while (sluice_next(&rest, &key, &value))
		if (sluice_is(value, text)) return true;
	return false;
}

bool sluice_true(sluice_json v) { return sluice_equal(v, "true"); }

int64_t sluice_int(sluice_json v) {
	int64_t n = 0;
	bool minus = v.size > 0 && v.data[0] == '-';
	for (uint32_t i = minus; i < v.size; i++) {
		if (v.data[i] < '0' || v.data[i] > '9' || n > (int64_t)1 << 40) return 0;
		n = n * 10 + (v.data[i] - '0');
	}
	return minus ? -n : n;
}

/* ---- batches and edits ---- */

enum { SLUICE_HEADER = 32, SLUICE_COLUMN = 28, SLUICE_CELL = 12, SLUICE_EDITS = 8, SLUICE_EDIT = 24 };
#define SLUICE_ABSENT UINT32_MAX

static bool sluice_read_batch(sluice_bytes input, sluice_batch *b) {
	if (input.size < SLUICE_HEADER || sluice_u32(input.data) != 0 || sluice_u32(input.data + 12) != SLUICE_HEADER) return false;
	b->input = input;
	b->columns = sluice_u32(input.data + 4);
	b->cells = sluice_u32(input.data + 8);
	b->first_cell = sluice_u32(input.data + 16);
	b->window = sluice_u32(input.data + 20) & 1;
	return SLUICE_HEADER + (uint64_t)SLUICE_COLUMN * b->columns <= input.size &&
	       b->first_cell + (uint64_t)SLUICE_CELL * b->cells <= input.size;
}

static sluice_bytes sluice_place(const sluice_batch *b, const uint8_t *at) {
	return sluice_slice(b->input, sluice_u32(at), sluice_u32(at + 4));
}

sluice_cell sluice_cell_at(const sluice_batch *b, uint32_t i) {
	if (i >= b->cells) __builtin_trap();
	const uint8_t *at = b->input.data + b->first_cell + SLUICE_CELL * i;
	sluice_cell c = {sluice_u32(at), {0, 0}};
	if (sluice_u32(at + 8) != SLUICE_ABSENT) c.value = sluice_place(b, at + 4);
	return c;
}

sluice_column sluice_column_at(const sluice_batch *b, uint32_t i) {
	if (i >= b->columns) __builtin_trap();
	const uint8_t *at = b->input.data + SLUICE_HEADER + SLUICE_COLUMN * i;
	sluice_column c = {sluice_place(b, at + 4), sluice_place(b, at + 12), sluice_place(b, at + 20), sluice_u32(at) & 1};
	return c;
}

struct sluice_edits {
	sluice_buffer edits, texts;
	uint32_t count;
};

static void sluice_put_edit(sluice_edits *e, uint32_t cell, uint32_t from, uint32_t to, uint32_t kind, uint32_t at,
                            uint32_t size) {
	uint32_t end = e->edits.size;
	sluice_resize(&e->edits, end + SLUICE_EDIT);
	uint8_t *edit = e->edits.data + end;
	sluice_set_u32(edit, cell);
	sluice_set_u32(edit + 4, from);
	sluice_set_u32(edit + 8, to);
	sluice_set_u32(edit + 12, kind);
	sluice_set_u32(edit + 16, at);
	sluice_set_u32(edit + 20, size);
	e->count++;
}

SLUICE_APART void sluice_add(sluice_edits *e, uint32_t cell, uint32_t from, uint32_t to, uint32_t kind) {
	sluice_put_edit(e, cell, from, to, kind, 0, SLUICE_ABSENT);
}

SLUICE_APART void sluice_replace(sluice_edits *e, uint32_t cell, uint32_t from, uint32_t to, uint32_t kind, const void *with,
                    uint32_t size) {
	sluice_put_edit(e, cell, from, to, kind, e->texts.size, size);
	sluice_put(&e->texts, with, size);
}

/* Replacements stand behind the edits, so their places move by that. */
static void sluice_end_edits(sluice_edits *e) {
	uint32_t base = e->edits.size;
	sluice_set_u32(e->edits.data, e->count);
	sluice_set_u32(e->edits.data + 4, 0);
	for (uint32_t i = 0; i < e->count; i++) {
		uint8_t *edit = e->edits.data + SLUICE_EDITS + SLUICE_EDIT * i;
		if (sluice_u32(edit + 20) != SLUICE_ABSENT) sluice_set_u32(edit + 16, sluice_u32(edit + 16) + base);
	}
	sluice_put(&e->edits, e->texts.data, e->texts.size);
}

/* ---- commands ---- */

/* The next field; false at the end and for what is none. */
static bool sluice_next_field(sluice_bytes fields, uint32_t *at, uint32_t *tag, sluice_bytes *value) {
	if (*at > fields.size || fields.size - *at < 8) return false;
	uint32_t size = sluice_u32(fields.data + *at + 4);
	if (size > fields.size - *at - 8) return false;
	*tag = sluice_u32(fields.data + *at);
	*value = sluice_slice(fields, *at + 8, size);
	*at += 8 + size;
	return true;
}

static bool sluice_read_command(sluice_bytes input, sluice_command *c) {
	sluice_bytes value;
	uint32_t at = 0, tag;
	c->input = input;
	while (sluice_next_field(input, &at, &tag, &value)) switch (tag) {
		case 1: c->protocol = value; break;
		case 2: c->text = value; break;
		case 3: sluice_trim(&value); c->facts = value; break;
		case 5: if (value.size == 0) return false; break;
		case 7: sluice_trim(&value); c->decision = value; break;
		}
	return at == input.size;
}

bool sluice_next_group(const sluice_command *c, uint32_t *at, sluice_bytes *group) {
	uint32_t tag;
	while (sluice_next_field(c->input, at, &tag, group))
		if (tag == 4) return true;
	return false;
}

bool sluice_next_param(const sluice_command *c, uint32_t *at, sluice_param *param) {
	uint32_t tag;
	sluice_bytes value;
	const sluice_param null = {{0, 0}, false};
	while (sluice_next_field(c->input, at, &tag, &value)) {
		*param = null;
		if (tag == 6) return true;
		if (tag != 5) continue;
		param->binary = value.data[0] & 1;
		param->value = sluice_slice(value, 1, value.size - 1);
		return true;
	}
	return false;
}

struct sluice_classification {
	sluice_buffer fields;
	uint32_t risk;
};

void sluice_label(sluice_classification *is, const char *name) { sluice_put_field(&is->fields, 1, name); }

void sluice_risk(sluice_classification *is, uint32_t risk) {
	if (risk > 100) risk = 100;
	if (risk > is->risk) is->risk = risk;
}

void sluice_reason(sluice_classification *is, const char *text) { sluice_put_field(&is->fields, 3, text); }

static void sluice_mark(sluice_classification *is, uint32_t where, uint32_t from, uint32_t to, const char *kind) {
	sluice_put_u32(&is->fields, 4);
	sluice_put_u32(&is->fields, 12 + sluice_length(kind));
	sluice_put_u32(&is->fields, where);
	sluice_put_u32(&is->fields, from);
	sluice_put_u32(&is->fields, to);
	sluice_put_text(&is->fields, kind);
}

void sluice_span(sluice_classification *is, uint32_t from, uint32_t to, const char *kind) {
	sluice_mark(is, 0, from, to, kind);
}

void sluice_param_span(sluice_classification *is, uint32_t i, uint32_t from, uint32_t to, const char *kind) {
	sluice_mark(is, i + 1, from, to, kind);
}

/* ---- the manifest ---- */

static void sluice_put_string(sluice_buffer *b, const char *key, const char *text) {
	static const char hex[] = "0123456789abcdef";
	sluice_put_text(b, key);
	sluice_put_text(b, "\"");
	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;
		if (c == '\n') {
			sluice_put_text(b, "\\n");
		} else if (c < 0x20 || c == 0x7f) {
			char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15], 0};
			sluice_put_text(b, escape);
		} else {
			if (c == '"' || c == '\\') sluice_put_text(b, "\\");
			sluice_put(b, text, 1);
		}
	}
	sluice_put_text(b, "\"");
}

static void sluice_put_strings(sluice_buffer *b, const char *key, const char *const *list) {
	if (!list || !*list) return;
	sluice_put_text(b, key);
	for (const char *between = "["; *list; list++, between = ",") sluice_put_string(b, between, *list);
	sluice_put_text(b, "]");
}

static void sluice_put_number(sluice_buffer *b, const char *key, uint32_t n) {
	char digits[11];
	uint32_t at = sizeof digits - 1;
	if (n == 0) return;
	digits[at] = 0;
	for (; n > 0; n /= 10) digits[--at] = (char)('0' + n % 10);
	sluice_put_text(b, key);
	sluice_put_text(b, digits + at);
}

static void sluice_put_manifest(sluice_buffer *b) {
	const sluice_plugin *p = &sluice_this;
	const char *provides[4] = {0};
	uint32_t n = 0;
	if (p->classify) provides[n++] = "classify";
	if (p->mask) provides[n++] = "mask";
	if (p->trigger) provides[n++] = "trigger";
	sluice_put_string(b, "{\"abi\":\"sluice/1\",\"name\":", p->name);
	sluice_put_string(b, ",\"version\":", p->version);
	if (p->description) sluice_put_string(b, ",\"description\":", p->description);
	sluice_put_strings(b, ",\"provides\":", provides);
	sluice_put_strings(b, ",\"capabilities\":", p->capabilities);
	sluice_put_strings(b, ",\"kinds\":", p->kinds);
	sluice_put_number(b, ",\"reach\":", p->reach);
	sluice_put_number(b, ",\"least\":", p->least);
	if (p->settings) {
		sluice_put_text(b, ",\"settings\":");
		sluice_put_text(b, p->settings);
	}
	if (p->vectors) sluice_put_string(b, ",\"vectors\":", p->vectors);
	sluice_put_text(b, "}");
}

/* ---- what the gateway calls, and what it offers (sdk/ABI.md 2 and 7) ---- */

#ifdef __wasm__
#define SLUICE_EXPORT(name) __attribute__((export_name(name)))
__attribute__((import_module("sluice"), import_name("log"))) void sluice_host_log(int32_t, const void *, uint32_t);
__attribute__((import_module("sluice"), import_name("pseudonym"))) int32_t sluice_host_pseudonym(
    const void *, uint32_t, const void *, uint32_t, void *, uint32_t);

void sluice_log(int32_t level, const char *text) { sluice_host_log(level, text, sluice_length(text)); }

int32_t sluice_pseudonym(const char *kind, sluice_bytes value, uint8_t out[SLUICE_MAX_PSEUDONYM]) {
	return sluice_host_pseudonym(kind, sluice_length(kind), value.data, value.size, out, SLUICE_MAX_PSEUDONYM);
}

/* The compiler may call these for copies and comparisons; with -mbulk-memory the first three are instructions. */
#define SLUICE_PLAIN __attribute__((weak, no_builtin("memcpy", "memmove", "memset", "memcmp")))
SLUICE_PLAIN void *memcpy(void *to, const void *from, size_t n) {
	for (size_t i = 0; i < n; i++) ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}
SLUICE_PLAIN void *memmove(void *to, const void *from, size_t n) {
	if ((uintptr_t)to < (uintptr_t)from) return memcpy(to, from, n);
	while (n-- > 0) ((uint8_t *)to)[n] = ((const uint8_t *)from)[n];
	return to;
}
SLUICE_PLAIN void *memset(void *to, int c, size_t n) {
	for (size_t i = 0; i < n; i++) ((uint8_t *)to)[i] = (uint8_t)c;
	return to;
}
SLUICE_PLAIN int memcmp(const void *a, const void *b, size_t n) {
	for (size_t i = 0; i < n; i++)
		if (((const uint8_t *)a)[i] != ((const uint8_t *)b)[i]) return ((const uint8_t *)a)[i] - ((const uint8_t *)b)[i];
	return 0;
}
#else
#define SLUICE_EXPORT(name)
void sluice_log(int32_t level, const char *text) {
	(void)level;
	(void)text;
}

/* In a plugin's own tests, where there is no key: the kind, “-” and the value's length. */
int32_t sluice_pseudonym(const char *kind, sluice_bytes value, uint8_t out[SLUICE_MAX_PSEUDONYM]) {
	uint32_t n = sluice_length(kind), digits = 1;
	if (n > 64) return -1;
	for (uint32_t v = value.size; v > 9; v /= 10) digits++;
	__builtin_memcpy(out, kind, n);
	out[n] = '-';
	for (uint32_t i = digits, v = value.size; i > 0; i--, v /= 10) out[n + i] = (uint8_t)('0' + v % 10);
	return (int32_t)(n + 1 + digits);
}
#endif

static sluice_buffer sluice_input, sluice_result;
static sluice_edits sluice_found;
static sluice_classification sluice_class;

static uint64_t sluice_packed(const sluice_buffer *b) {
	return b->size == 0 ? 0 : (uint64_t)(uintptr_t)b->data << 32 | b->size;
}

static uint64_t sluice_failed(const char *why) {
	sluice_result.size = 0;
	sluice_put_text(&sluice_result, *why ? why : "failed");
	return sluice_packed(&sluice_result) | 1u << 31;
}

static sluice_bytes sluice_received(uint32_t size) {
	const sluice_bytes all = {sluice_input.data, sluice_input.size};
	return sluice_slice(all, 0, size);
}

SLUICE_EXPORT("sluice_abi") int32_t sluice_abi(void) { return 1; }

SLUICE_EXPORT("sluice_alloc") void *sluice_alloc(uint32_t size) {
	sluice_input.size = 0;
	sluice_resize(&sluice_input, size > 0 ? size : 1);
	return sluice_input.data;
}

SLUICE_EXPORT("sluice_manifest") uint64_t sluice_manifest(void) {
	sluice_result.size = 0;
	sluice_put_manifest(&sluice_result);
	return sluice_packed(&sluice_result);
}

SLUICE_EXPORT("sluice_configure") uint64_t sluice_configure(const void *input, uint32_t size) {
	(void)input;
	if (!sluice_this.configure) return 0;
	sluice_json settings = sluice_received(size);
	sluice_trim(&settings);
	const char *why = sluice_this.configure(settings);
	return why ? sluice_failed(why) : 0;
}

SLUICE_EXPORT("sluice_mask") uint64_t sluice_mask(const void *input, uint32_t size) {
	(void)input;
	sluice_batch batch;
	if (!sluice_this.mask) return sluice_failed("does not mask");
	if (!sluice_read_batch(sluice_received(size), &batch)) return sluice_failed("a kind of batch that this plugin does not know");
	sluice_resize(&sluice_found.edits, SLUICE_EDITS);
	sluice_found.texts.size = 0;
	sluice_found.count = 0;
	const char *why = sluice_this.mask(&batch, &sluice_found);
	if (why) return sluice_failed(why);
	if (sluice_found.count == 0) return 0;
	sluice_end_edits(&sluice_found);
	return sluice_packed(&sluice_found.edits);
}

SLUICE_EXPORT("sluice_classify") uint64_t sluice_classify(const void *input, uint32_t size) {
	(void)input;
	sluice_command command = {0};
	if (!sluice_this.classify) return sluice_failed("does not classify");
	if (!sluice_read_command(sluice_received(size), &command)) return sluice_failed("a command that this plugin cannot read");
	sluice_class.fields.size = 0;
	sluice_class.risk = 0;
	const char *why = sluice_this.classify(&command, &sluice_class);
	if (why) return sluice_failed(why);
	if (sluice_class.risk > 0) {
		sluice_put_u32(&sluice_class.fields, 2);
		sluice_put_u32(&sluice_class.fields, 4);
		sluice_put_u32(&sluice_class.fields, sluice_class.risk);
	}
	return sluice_packed(&sluice_class.fields);
}

SLUICE_EXPORT("sluice_trigger") uint64_t sluice_trigger(const void *input, uint32_t size) {
	(void)input;
	sluice_command command = {0};
	sluice_hold hold = {0, 0};
	if (!sluice_this.trigger) return sluice_failed("does not trigger");
	if (!sluice_read_command(sluice_received(size), &command)) return sluice_failed("a command that this plugin cannot read");
	const char *why = sluice_this.trigger(&command, &hold);
	if (why) return sluice_failed(why);
	if (!hold.approval) return 0;
	sluice_result.size = 0;
	sluice_put_field(&sluice_result, 1, hold.approval);
	if (hold.reason && *hold.reason) sluice_put_field(&sluice_result, 2, hold.reason);
	return sluice_packed(&sluice_result);
}

#endif /* SLUICE_IMPLEMENTATION */
