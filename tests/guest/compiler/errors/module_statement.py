from guest.lang import u32


x: u32 = 5
x += 1
print(x)
