from guest.lang import u32


x: u32 = -1
