/*
 * Put in front of every kernel C file by the build. -fvisibility=hidden covers
 * definitions only; this covers declarations too, so that a reference to
 * another file's object is adrp + add and never a load from a global offset table.
 */
#pragma once
#pragma GCC visibility push(hidden)
