/*
 * Event bits: <linux/eventpoll.h> casts them with a word that only Linux's
 * own checker knows.
 */
#pragma once
#define __force
#include <linux/eventpoll.h>
