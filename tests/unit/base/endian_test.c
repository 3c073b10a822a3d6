/*
 * Byte order, against bytes written out.
 *
 * sources:
 */
#include "unit.h"
#include "base/endian.h"

TEST(values)
{
	EXPECT_EQ(be16_to_cpu(0x1234), 0x3412);
	EXPECT_EQ(cpu_to_be32(0x12345678), 0x78563412u);
	EXPECT_EQ(be64_to_cpu(0x0102030405060708ull), 0x0807060504030201ull);
	EXPECT_EQ(cpu_to_le64(0x0102030405060708ull), 0x0102030405060708ull);
	EXPECT_EQ(htons(0x0800), 0x0008);
	EXPECT_EQ(ntohl(htonl(0xdeadbeef)), 0xdeadbeefu);
}

TEST(fields_at_any_address)
{
	const u8 bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	for (size_t at = 0; at < 8; at++) {
		u8 field[16];

		memcpy(field + at, bytes, 8);
		EXPECT_EQ(get_unaligned_be16(field + at), 0x0102);
		EXPECT_EQ(get_unaligned_be32(field + at), 0x01020304u);
		EXPECT_EQ(get_unaligned_be64(field + at), 0x0102030405060708ull);
		EXPECT_EQ(get_unaligned_le16(field + at), 0x0201);
		EXPECT_EQ(get_unaligned_le32(field + at), 0x04030201u);
		EXPECT_EQ(get_unaligned_le64(field + at), 0x0807060504030201ull);
		memset(field, 0, sizeof(field));
		put_unaligned_be64(0x0102030405060708ull, field + at);
		EXPECT_MEM(field + at, bytes, 8);
		put_unaligned_le32(0x04030201, field + at);
		put_unaligned_be16(0x0506, field + at + 4);
		put_unaligned_le16(0x0807, field + at + 6);
		EXPECT_MEM(field + at, bytes, 8);
	}
}
