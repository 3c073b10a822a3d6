/* When a frame of the desktop is due: user/bwm/pace.c as it is. */
#include "unit.h"
#include "../../user/bwm/pace.c"

enum { PERIOD = 1000 };

TEST(the_first_frame_is_due_at_once)
{
	struct pace p = { .period = PERIOD };

	EXPECT(pace_due(&p) <= 50000);
	pace_frame(&p, 50000);
	EXPECT_EQ(pace_due(&p), 51000u);
}

TEST(delays_do_not_add_up)
{
	struct pace p = { .period = PERIOD };

	pace_frame(&p, 50000);
	for (uint64_t frame = 1; frame <= 75; frame++) {
		EXPECT_EQ(pace_due(&p), 50000 + frame * PERIOD);
		pace_frame(&p, pace_due(&p) + frame * 13 % PERIOD);
	}
}

TEST(after_a_rest_the_beat_is_a_new_one)
{
	struct pace p = { .period = PERIOD };

	pace_frame(&p, 50000);
	pace_frame(&p, 51999);
	EXPECT_EQ(pace_due(&p), 52000u);
	pace_frame(&p, 53000);
	EXPECT_EQ(pace_due(&p), 54000u);
}
