/** As glibc's gnu_dev_major and gnu_dev_minor take the number of a device apart, for numbers below 2^44. */
export function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  const low = rdev % 2 ** 32;
  const high = Math.floor(rdev / 2 ** 32);
  return {
    major: ((low >>> 8) & 0xfff) + high * 0x1000,
    minor: (low & 0xff) | ((low >>> 12) & 0xfff00),
  };
}
