/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node's console on the serial line: a prompt that takes the control
 * language, or the line lent to one guest's serial port. Boot core only.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

struct vm;

/* Show the prompt and take input from now on. */
void console_start(void);

/* A VM is being deleted: the line comes back if it was attached. */
void console_forget(const struct vm *vm);

#endif
