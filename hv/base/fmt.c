/* SPDX-License-Identifier: BSD-2-Clause */
/* printf-like formatting, see fmt.h. */
#include "hv/base/fmt.h"

#include "hv/base/str.h"

struct out {
	char *buf;
	size_t size;
	size_t len; /* of the whole text, also of what did not fit */
};

struct spec {
	bool left, zero, plus, space, alt;
	int width;
	int precision; /* -1: none given */
	int length;    /* -2 hh, -1 h, 0 int, 1 l/z, 2 ll */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_n(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

/* Text with optional sign or radix prefix, padded to the field's width. */
static void put_field(struct out *o, const struct spec *s, const char *prefix, const char *text,
		      int len, int zeros)
{
	int prefix_len = (int)strlen(prefix);
	int pad = s->width - prefix_len - zeros - len;

	if (!s->left)
		put_n(o, ' ', pad);
	for (int i = 0; i < prefix_len; i++)
		put(o, prefix[i]);
	put_n(o, '0', zeros);
	for (int i = 0; i < len; i++)
		put(o, text[i]);
	if (s->left)
		put_n(o, ' ', pad);
}

static void put_number(struct out *o, const struct spec *s, u64 v, unsigned base, bool upper,
		       const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	int at = sizeof(text), len, zeros = 0;

	for (; v; v /= base)
		text[--at] = digits[v % base];
	len = (int)sizeof(text) - at;
	if (s->precision >= 0)
		zeros = s->precision - len;
	else if (s->zero && !s->left)
		zeros = MAX(s->width - (int)strlen(prefix) - len, len ? 0 : 1);
	else
		zeros = len ? 0 : 1;
	put_field(o, s, prefix, text + at, len, MAX(zeros, 0));
}

static s64 arg_signed(va_list *ap, int length)
{
	switch (length) {
	case -2:
		return (s8)va_arg(*ap, int);
	case -1:
		return (s16)va_arg(*ap, int);
	case 0:
		return va_arg(*ap, int);
	default:
		return va_arg(*ap, s64);
	}
}

static u64 arg_unsigned(va_list *ap, int length)
{
	switch (length) {
	case -2:
		return (u8)va_arg(*ap, unsigned);
	case -1:
		return (u16)va_arg(*ap, unsigned);
	case 0:
		return va_arg(*ap, unsigned);
	default:
		return va_arg(*ap, u64);
	}
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	size_t len;

	if (!text)
		text = "(null)";
	len = s->precision >= 0 ? strnlen(text, (size_t)s->precision) : strlen(text);
	put_field(o, s, "", text, (int)len, 0);
}

static int parse_int(const char **f, va_list *ap)
{
	int v = 0;

	if (**f == '*') {
		++*f;
		return va_arg(*ap, int);
	}
	for (; **f >= '0' && **f <= '9'; ++*f)
		v = v * 10 + (**f - '0');
	return v;
}

static void parse_flags(const char **f, struct spec *s)
{
	for (;; ++*f) {
		switch (**f) {
		case '-':
			s->left = true;
			continue;
		case '0':
			s->zero = true;
			continue;
		case '+':
			s->plus = true;
			continue;
		case ' ':
			s->space = true;
			continue;
		case '#':
			s->alt = true;
			continue;
		default:
			return;
		}
	}
}

static void parse_spec(const char **f, struct spec *s, va_list *ap)
{
	parse_flags(f, s);
	s->width = parse_int(f, ap);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	s->precision = -1;
	if (**f == '.') {
		++*f;
		s->precision = parse_int(f, ap);
	}
	for (;; ++*f) {
		if (**f == 'l')
			s->length++;
		else if (**f == 'h')
			s->length--;
		else if (**f == 'z')
			s->length = 1;
		else
			return;
	}
}

static void put_signed(struct out *o, const struct spec *s, s64 v)
{
	const char *sign = v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

	put_number(o, s, v < 0 ? 0 - (u64)v : (u64)v, 10, false, sign);
}

static void put_conversion(struct out *o, char conv, const struct spec *s, va_list *ap)
{
	u64 v;
	char c;

	switch (conv) {
	case 'd':
	case 'i':
		put_signed(o, s, arg_signed(ap, s->length));
		return;
	case 'u':
		put_number(o, s, arg_unsigned(ap, s->length), 10, false, "");
		return;
	case 'o':
		put_number(o, s, arg_unsigned(ap, s->length), 8, false, s->alt ? "0" : "");
		return;
	case 'x':
	case 'X':
		v = arg_unsigned(ap, s->length);
		put_number(o, s, v, 16, conv == 'X', s->alt && v ? "0x" : "");
		return;
	case 'p':
		put_number(o, s, (u64)(uintptr_t)va_arg(*ap, void *), 16, false, "0x");
		return;
	case 'c':
		c = (char)va_arg(*ap, int);
		put_field(o, s, "", &c, 1, 0);
		return;
	case 's':
		put_string(o, s, va_arg(*ap, const char *));
		return;
	case '%':
		put(o, '%');
		return;
	default: /* an unknown conversion shows itself */
		put(o, '%');
		put(o, conv);
	}
}

int fmt_vsnprintf(char *buf, size_t size, const char *f, va_list ap)
{
	struct out o = { buf, size, 0 };
	va_list args;

	va_copy(args, ap);
	for (; *f; f++) {
		struct spec s = { .precision = -1 };

		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f++;
		parse_spec(&f, &s, &args);
		if (!*f)
			break;
		put_conversion(&o, *f, &s, &args);
	}
	va_end(args);
	if (size)
		buf[MIN(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int fmt_snprintf(char *buf, size_t size, const char *f, ...)
{
	va_list ap;
	int n;

	va_start(ap, f);
	n = fmt_vsnprintf(buf, size, f, ap);
	va_end(ap);
	return n;
}

void fmt_append(char *buf, size_t size, size_t *len, const char *f, ...)
{
	va_list ap;

	if (*len + 1 >= size)
		return;
	va_start(ap, f);
	*len += (size_t)fmt_vsnprintf(buf + *len, size - *len, f, ap);
	va_end(ap);
	*len = MIN(*len, size - 1);
}

char *fmt_mac(char *out, const u8 mac[6])
{
	fmt_snprintf(out, FMT_MAC_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		     mac[3], mac[4], mac[5]);
	return out;
}

char *fmt_ip4(char *out, u32 addr)
{
	fmt_snprintf(out, FMT_IP4_LEN, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255,
		     addr >> 8 & 255, addr & 255);
	return out;
}
