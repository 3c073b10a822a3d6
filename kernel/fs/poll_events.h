/*
 * Event bits as plain numbers: those of <linux/eventpoll.h>, whose own are
 * cast to a checker's type and so of no use in initialisers and switches.
 */
#pragma once
#include "base/defs.h"
#define __force
#define __poll_t u32
#include <linux/eventpoll.h>
#undef __poll_t
#undef __force
