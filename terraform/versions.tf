terraform {
  required_version = ">= 1.9" # validations that compare variables

  required_providers {
    vultr = {
      source = "vultr/vultr"
      # Up to 2.32.0 each read of a server asks for VPC 2.0, which Vultr has ended: it fails after the server was ordered
      # (vultr/terraform-provider-vultr#753). The upper end is raised on purpose, after a run of the tests.
      version = "> 2.32.0, < 3.0.0"
    }
  }
}

# The API key is taken from VULTR_API_KEY, so that it is in no file and in no list of processes.
provider "vultr" {}
