/*
 * The words of VirGL's command streams that libwin uses. Source: virglrenderer's virgl_protocol.h and virgl_hw.h, and
 * Gallium's p_defines.h for the states' values.
 */
#ifndef LIBWIN_VIRGL_H
#define LIBWIN_VIRGL_H

enum virgl_command {
	VIRGL_CREATE_OBJECT = 1, VIRGL_BIND_OBJECT = 2, VIRGL_DESTROY_OBJECT = 3, VIRGL_SET_VIEWPORT_STATE = 4,
	VIRGL_SET_FRAMEBUFFER_STATE = 5, VIRGL_SET_VERTEX_BUFFERS = 6, VIRGL_CLEAR = 7, VIRGL_DRAW_VBO = 8,
	VIRGL_RESOURCE_INLINE_WRITE = 9, VIRGL_SET_SAMPLER_VIEWS = 10, VIRGL_SET_INDEX_BUFFER = 11,
	VIRGL_SET_CONSTANT_BUFFER = 12, VIRGL_SET_SCISSOR_STATE = 15, VIRGL_BIND_SAMPLER_STATES = 18,
	VIRGL_BIND_SHADER = 31,
};

enum virgl_object {
	VIRGL_NO_OBJECT = 0, VIRGL_BLEND = 1, VIRGL_RASTERIZER, VIRGL_DSA, VIRGL_SHADER, VIRGL_VERTEX_ELEMENTS,
	VIRGL_SAMPLER_VIEW, VIRGL_SAMPLER_STATE, VIRGL_SURFACE,
};

enum { VIRGL_VERTEX = 0, VIRGL_FRAGMENT = 1 };

/* Formats, named from the lowest byte or as arrays of floats. */
enum {
	VIRGL_B8G8R8A8 = 1, VIRGL_B8G8R8X8 = 2, VIRGL_R32G32_FLOAT = 29, VIRGL_R32G32B32A32_FLOAT = 31, VIRGL_R8 = 64,
	VIRGL_R8G8B8A8 = 67, VIRGL_R8G8B8X8 = 134,
};

/* What a resource may be used for. */
enum {
	VIRGL_BIND_TARGET = 1 << 1, VIRGL_BIND_SAMPLED = 1 << 3, VIRGL_BIND_VERTICES = 1 << 4, VIRGL_BIND_INDICES = 1 << 5,
	VIRGL_BIND_SCANOUT = 1 << 18,
};

enum { VIRGL_BUFFER = 0, VIRGL_TEXTURE_2D = 2 };
enum { VIRGL_CLEAR_COLOUR_0 = 1 << 2 };
enum { VIRGL_TRIANGLES = 4 };

/* Blending: the source as it is, over the destination by what the source's alpha leaves of it; all four channels. */
enum { VIRGL_FACTOR_ONE = 0x1, VIRGL_FACTOR_REST_OF_ALPHA = 0x13 };
#define VIRGL_BLEND_OVER \
	(1u | VIRGL_FACTOR_ONE << 4 | VIRGL_FACTOR_REST_OF_ALPHA << 9 | VIRGL_FACTOR_ONE << 17 | \
	 VIRGL_FACTOR_REST_OF_ALPHA << 22 | 0xfu << 27)

/* No blending: the source takes the place of all four channels. */
#define VIRGL_BLEND_COPY (0xfu << 27)

/* Rasterizer: draw within the scissor's box; pixels' centres at one half. */
#define VIRGL_SCISSOR (1u << 14)
#define VIRGL_HALF_PIXEL_CENTRE (1u << 29)

/* Sampler: clamp to the edge in all three directions; the nearest texel; no mipmaps. */
#define VIRGL_SAMPLE_NEAREST (2u | 2u << 3 | 2u << 6 | 2u << 11)

/* Which channel of a texel is red, green, blue and alpha: each itself, or all the first; or alpha is 1. */
#define VIRGL_SWIZZLE_SAME (0u | 1u << 3 | 2u << 6 | 3u << 9)
#define VIRGL_SWIZZLE_RED 0u
#define VIRGL_SWIZZLE_OPAQUE (0u | 1u << 3 | 2u << 6 | 5u << 9)

#endif
