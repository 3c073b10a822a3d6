/*
 * Of the kernel's string functions those that the host's C library lacks, under their own names: the
 * kernel's file is compiled here with everything else renamed.
 */
#define memcmp	kernel_memcmp
#define memchr	kernel_memchr
#define strlen	kernel_strlen
#define strnlen	kernel_strnlen
#define strcmp	kernel_strcmp
#define strncmp	kernel_strncmp
#define strchr	kernel_strchr
#define strrchr	kernel_strrchr
#define strstr	kernel_strstr
#define strtoul	kernel_strtoul
#include "../../../kernel/base/string.c"
