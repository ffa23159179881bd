// Both variants are made of one build, which multiplies and adds in one rounding: tools/packing/lower.mjs makes the baseline of it, and 0 of this number.

/** Not 0 where it is fused. Exported, so that no compiler takes it for what it is here. */
export let fused: i32 = 0x3a5e11ed

/** Not 0 where neighbouring vectors become one: the engine is told so by whoever instantiates. */
export let wide: i32 = 0
