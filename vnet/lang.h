/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control language: one grammar for node.conf, the console, and what
 * `show config` prints; VNET/P's own lines are a dialect (lang_words.h). A
 * statement is a line: OBJECT VERB [NAME], then KEY VALUE pairs in any order.
 * Words are separated by blanks; "quotes" keep blanks in a word, with \" and \\
 * inside; # starts a comment.
 *
 *     interface add g1.eth0 mac 02:00:00:00:00:01 mtu 1458
 *     ^object   ^verb ^name  ^key ^value
 *
 * What may stand where is a table (lang_schema.c). Anything else is an error
 * that names the place and what was expected; nothing is skipped.
 */
#ifndef VNET_LANG_H
#define VNET_LANG_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define LANG_VERSION 1
#define LANG_LINE_MAX 1024
#define LANG_WORDS_MAX 64
#define LANG_KEYS_MAX 24
#define LANG_NAME_MAX 32
#define LANG_MACS_MAX 8
#define LANG_UINTS_MAX 16
#define LANG_MESSAGE_MAX 320

enum lang_type {
	LANG_FLAG,	/* the key alone */
	LANG_NAME,	/* letters, digits, . _ - ; at most LANG_NAME_MAX - 1 */
	LANG_STRING,
	LANG_UINT,	/* decimal, between min and max of its key */
	LANG_SIZE,	/* bytes: a number with K, M or G behind it */
	LANG_TIME,	/* a number with ms, s, m or h behind it; num is in ms */
	LANG_TIME_US,	/* the same, and us; num is in us */
	LANG_BOOL,	/* on, off */
	LANG_CHOICE,	/* one of the key's words; num is its index */
	LANG_MAC,
	LANG_UINTS,	/* N[-N][,N[-N]...]: at most LANG_UINTS_MAX numbers up to the key's
			   max; num is how many */
	LANG_MACS,	/* MAC[,MAC...]: at most LANG_MACS_MAX; num is how many */
	LANG_IP4,
	LANG_IP4_LEN,
	LANG_IP4_LEN_OR_DHCP,
	LANG_MAC_MATCH,	/* any, none, group, not-MAC, MAC */
	LANG_PORT,	/* interface NAME, edge NAME; also interface MAC: mac, text has it */
	LANG_PORT_FROM,	/* any, interfaces, edges, interface NAME, edge NAME */
};

enum lang_match { LANG_MATCH_ANY, LANG_MATCH_EXACT, LANG_MATCH_NOT, LANG_MATCH_NONE,
		  LANG_MATCH_GROUP };

enum lang_from { LANG_FROM_ANY, LANG_FROM_INTERFACES, LANG_FROM_EDGES, LANG_FROM_INTERFACE,
		 LANG_FROM_EDGE };

struct lang_value {
	bool set;
	u32 column;	       /* where it stood, from 1; a FLAG's is its key's */
	u64 num;	       /* UINT, SIZE, times, BOOL, CHOICE, MACS; enum lang_match,
				  enum lang_from */
	u32 word;	       /* not a CHOICE, but a key with choices: 1 + the index of
				  the word that stands in place of a value; else 0 */
	u32 ip;		       /* host byte order */
	u8 prefix_len;
	bool dhcp;
	u8 mac[6];
	u8 macs[LANG_MACS_MAX][6]; /* num of them */
	u8 uints[LANG_UINTS_MAX];  /* num of them */
	const char *text;      /* NAME, STRING, and the name of a PORT; terminated, lives as
				  long as the statement */
};

struct lang_key {
	const char *word;
	enum lang_type type;
	bool required;
	bool bare;	       /* the value stands without its key, right behind the name */
	u64 min, max;	       /* UINT, SIZE and times */
	const char *const *choices; /* CHOICE, and words in place of other values;
				       NULL-terminated */
	const char *help;
};

enum lang_id {
	LANG_CAISSON, LANG_NODE, LANG_CPU_FEATURE, LANG_CORE_SET,
	LANG_UPLINK_ADD, LANG_UPLINK_DEL, LANG_UPLINK_SET,
	LANG_OVERLAY_ADD, LANG_OVERLAY_DEL, LANG_OVERLAY_SET, LANG_OVERLAY_FLUSH,
	LANG_LINK_ADD, LANG_LINK_DEL, LANG_LINK_SET,
	LANG_VM_ADD, LANG_VM_DEL, LANG_VM_START, LANG_VM_STOP, LANG_VM_SHUTDOWN, LANG_VM_RESET,
	LANG_INTERFACE_ADD, LANG_INTERFACE_DEL, LANG_INTERFACE_SET,
	LANG_DISK_ADD, LANG_DISK_DEL, LANG_SHOW_DISK,
	LANG_DISPATCHER_ADD, LANG_DISPATCHER_SET, LANG_DISPATCHER_DEL, LANG_SHOW_DISPATCH,
	LANG_ROUTE_ADD, LANG_ROUTE_DEL,
	LANG_CONTROL_LISTEN, LANG_CONTROL_CLOSE,
	LANG_CONSOLE_ATTACH, LANG_CONSOLE_LOG, LANG_CONSOLE_EXCHANGE,
	LANG_SHOW_NODE, LANG_SHOW_VM, LANG_SHOW_INTERFACE, LANG_SHOW_LINK, LANG_SHOW_ROUTE,
	LANG_SHOW_OVERLAY, LANG_SHOW_LEARNED, LANG_SHOW_NEIGHBOUR,
	LANG_SHOW_UPLINK, LANG_SHOW_STATS, LANG_SHOW_CONFIG, LANG_SHOW_LOG,
	LANG_SHOW_METRICS, LANG_TRACE,
	LANG_CAPTURE_START, LANG_CAPTURE_READ, LANG_CAPTURE_STOP,
	LANG_MATRIX, LANG_SHOW_MATRIX, LANG_SHOW_NOISE, LANG_LEDGER, LANG_SHOW_LEDGER,
	LANG_SHOW_BOOT, LANG_SHOW_HARDWARE, LANG_SHOW_REPORT,
	LANG_NODE_REBOOT, LANG_NODE_POWEROFF, LANG_HELP,
	LANG_ID_COUNT,
};

enum lang_name { LANG_NAME_NONE, LANG_NAME_OPTIONAL, LANG_NAME_REQUIRED };

struct lang_command {
	const char *object;
	const char *verb;      /* NULL: the object alone (caisson, node, help) */
	enum lang_id id;
	enum lang_name name;
	bool in_file;	       /* may stand in a node.conf */
	const struct lang_key *keys; /* ended by a NULL word */
	const char *help;
};

/* The grammar; ended by a NULL object. */
extern const struct lang_command lang_commands[];

/* One statement, taken apart. */
struct lang_stmt {
	const struct lang_command *cmd; /* NULL: empty line */
	const char *name;		/* NULL: none given */
	u32 name_column;
	struct lang_value value[LANG_KEYS_MAX]; /* by the key's place in cmd->keys */
	char storage[LANG_LINE_MAX];
};

/* Where a line came from, for messages. */
struct lang_source {
	const char *file; /* "console" on a terminal */
	u32 line;	  /* 0: not shown */
	bool terminal;	  /* abbreviations allowed; show, console and help too */
};

/*
 * Parse one line of len bytes (no newline needed). On an error returns
 * ERR_INVAL and writes one line "file:line:column: what, what was expected"
 * to message (LANG_MESSAGE_MAX bytes).
 */
err_t lang_parse(const struct lang_source *src, const char *line, size_t len,
		 struct lang_stmt *out, char *message);

/* The value of a key by its word, NULL when it was not given. */
const struct lang_value *lang_get(const struct lang_stmt *s, const char *word);

/* Write "file:line:column: " and the rest to message: for errors found when a
 * statement is carried out. column 0 is left out. */
void lang_error(const struct lang_source *src, u32 column, char *message, const char *f, ...)
	__attribute__((format(printf, 4, 5)));

/* Convert one word; what is wrong goes to why (bytes: size). */
err_t lang_value_parse(const struct lang_key *key, char *const *words, u32 count, u32 *used,
		       struct lang_value *out, char *why, size_t size);

/* " (did you mean "address"?)" for the candidate that is close to word, or "".
 * Valid until the next call. */
const char *lang_suggest(const char *word, const char *const *candidates, u32 count);

/* Quote text so that the language reads it back as one word. */
void lang_quote(char *buf, size_t size, size_t *len, const char *text);

#endif
