import nothing
import os
from guest.rt import nowhere
from guest.lang import u128
from guest.lang import *
