from guest.lang import u32


def f(x: u32) -> None:
    a0 = x + b0
    a1 = x + b1
    a2 = x + b2
    a3 = x + b3
    a4 = x + b4
    a5 = x + b5
    a6 = x + b6
    a7 = x + b7
    a8 = x + b8
    a9 = x + b9
    a10 = x + b10
    a11 = x + b11
    a12 = x + b12
    a13 = x + b13
    a14 = x + b14
    a15 = x + b15
    a16 = x + b16
    a17 = x + b17
    a18 = x + b18
    a19 = x + b19
    a20 = x + b20
    a21 = x + b21
    a22 = x + b22
    a23 = x + b23
    a24 = x + b24
