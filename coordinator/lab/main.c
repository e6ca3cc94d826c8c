#include "coordinator/lab/lab.h"

int main(int argc, char **argv)
{
    return an_lab_main(argc, argv, stdout, stderr);
}
